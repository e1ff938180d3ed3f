"""The graph convolution against its dense formula, and its dropout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.graphs import block_graphs, known_graphs
from trainables.graphs.graph_convolution import LinkProblem
from trainables.graphs.graphs import Pairs, SparseRows, SplitLinks
from trainables.graphs.link_prediction import LinkPrediction
from trainables.graphs.link_scores import auc_error

TASKS: list[LinkPrediction] = [
    block_graphs.small().tiny(),
    known_graphs.karate_club().tiny(),
    known_graphs.cora_links().tiny(),
]
every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def made(task: LinkPrediction, seeds: Sequence[int], **options: object) -> LinkProblem:
    problem = task.make(seeds, test_unlocked=True, **({"dtype": "float64"} | options))
    assert isinstance(problem, LinkProblem)
    problem.begin_step(4)
    return problem


def dense(data: SplitLinks) -> tuple[Tensor, Tensor]:
    """Return D^-1/2 (adjacency + I) D^-1/2 and X, by plain loops."""
    adjacent = torch.eye(data.nodes, dtype=torch.float64)
    for u, v in data.train.edges.tolist():
        adjacent[u, v] = adjacent[v, u] = 1
    root = adjacent.sum(1).rsqrt()
    if not isinstance(data.features, SparseRows):
        return root[:, None] * adjacent * root, torch.from_numpy(data.features).double()
    x = torch.zeros(data.features.shape, dtype=torch.float64)
    starts = data.features.starts.tolist()
    for i, (begin, end) in enumerate(pairwise(starts)):
        x[i, data.features.columns[begin:end]] = 1
    return root[:, None] * adjacent * root, x


def scores(z: Tensor, part: Pairs) -> tuple[Tensor, Tensor]:
    return tuple((z[p[:, 0]] * z[p[:, 1]]).sum(1) for p in (part.edges, part.others))


def bce(edges: Tensor, others: Tensor) -> Tensor:
    ones, zeros = torch.ones_like(edges), torch.zeros_like(others)
    entropy = F.binary_cross_entropy_with_logits
    return entropy(edges, ones) + entropy(others, zeros)


@every_task
def test_loss_and_gradient_are_those_of_the_dense_formula(task: LinkPrediction) -> None:
    data = task.data()
    spread, x = dense(data)
    problem = made(task, [3, 8], penalty=0.02)
    losses = problem.closure()
    for r in range(2):
        w1, w2 = (p.detach()[r].clone().requires_grad_() for p in problem.params)
        hidden = problem._mask(r) * torch.relu(spread @ x @ w1)
        loss = bce(*scores(spread @ (hidden @ w2), data.train))
        loss = loss + 0.02 * (w1.square().sum() + w2.square().sum())
        loss.backward()
        torch.testing.assert_close(losses[r], loss.detach(), rtol=1e-12, atol=0)
        for p, w in zip(problem.params, (w1, w2), strict=True):
            assert p.grad is not None
            torch.testing.assert_close(p.grad[r], w.grad, rtol=1e-10, atol=1e-14)


@every_task
@pytest.mark.parametrize("split", ["val", "test"])
def test_scores_are_those_of_the_dense_formula_without_dropout(
    task: LinkPrediction, split: str
) -> None:
    data = task.data()
    spread, x = dense(data)
    problem = made(task, [3])
    w1, w2 = (p.detach()[0] for p in problem.params)
    edges, others = scores(
        spread @ torch.relu(spread @ x @ w1) @ w2, data.val if split == "val" else data.test
    )
    found = problem.evaluate(split)
    torch.testing.assert_close(found["bce"][0], bce(edges, others), rtol=1e-12, atol=0)
    assert float(found["auc_error"][0]) == auc_error(edges.numpy(), others.numpy())


@every_task
def test_the_validation_and_test_edges_carry_no_message(task: LinkPrediction) -> None:
    problem = made(task, [0])
    spread = problem._spread.to_dense()
    kept = {(u, v) for u, v in spread.triu(1).nonzero().tolist()}
    assert kept == {(u, v) for u, v in task.data().train.edges.tolist()}


def test_a_mask_is_a_function_of_seed_and_step() -> None:
    task = TASKS[0]
    problem, other = made(task, [5, 6]), made(task, [6, 9, 5])
    masks = [problem._mask(r).clone() for r in range(2)]
    problem.closure()
    problem.evaluate("val")
    problem.closure()
    assert all(torch.equal(problem._mask(r), m) for r, m in enumerate(masks))
    assert torch.equal(other._mask(2), masks[0])
    assert torch.equal(other._mask(0), masks[1])
    assert not torch.equal(*masks)
    problem.begin_step(5)
    assert not torch.equal(problem._mask(0), masks[0])
    problem.begin_step(4)
    assert torch.equal(problem._mask(0), masks[0])
    single = made(task, [5], dtype="float32")
    assert torch.equal(single._mask(0) > 0, masks[0] > 0)


def test_a_mask_drops_a_tenth_and_keeps_the_mean() -> None:
    mask = made(block_graphs.small(), [0])._mask(0)
    assert mask.shape == (500, 64)
    assert float((mask == 0).double().mean()) == pytest.approx(0.1, abs=0.01)
    torch.testing.assert_close(mask.unique(), torch.tensor([0, 1 / 0.9], dtype=torch.float64))


def test_the_loss_of_a_step_does_not_change_within_it() -> None:
    problem = made(TASKS[0], [0, 1])
    first = problem.closure().clone()
    assert torch.equal(problem.closure(), first)
    problem.begin_step(5)
    assert (problem.closure() != first).all()
