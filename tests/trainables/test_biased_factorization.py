"""Factors with biases: predictions by hand, gradients against autograd."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flowadam.task import Problem
from trainables.cells import damped_biases
from trainables.completion.collaborative import BiasedRatings, movielens_sample

TASK = movielens_sample()


def moved(seeds: list[int], penalty: float = 0.0) -> tuple[list[Tensor], Problem]:
    """Return parameters off their start, biases too, and their problem."""
    problem = TASK.make(seeds, penalty=penalty, dtype="float64", test_unlocked=True)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in problem.params:
            p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return problem.params, problem


def test_biases_without_factors_are_the_damped_baseline() -> None:
    assert isinstance(TASK, BiasedRatings)
    data = TASK.data()
    _, users, items = damped_biases(data.train, data.shape)
    problem = TASK.make([0, 1], dtype="float64", test_unlocked=True)
    with torch.no_grad():
        problem.params[0].zero_()
        problem.params[2].copy_(torch.from_numpy(users))
        problem.params[3].copy_(torch.from_numpy(items))
    for split in ("val", "test"):
        expected = TASK.trivial(split)["user + item"]
        assert problem.evaluate(split)["rmse"].tolist() == pytest.approx([expected] * 2, rel=1e-6)


@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_the_gradient_is_autograds(penalty: float) -> None:
    """Every replica's, in one call, by a loss that is written out here."""
    (u, v, b, c), problem = moved([0, 1, 2], penalty)
    train, center = TASK.data().train, TASK.data().center
    rows, cols = (torch.from_numpy(a).long() for a in (train.rows, train.cols))
    values = torch.from_numpy(train.values).double() - center
    leaves = [p.detach().clone().requires_grad_() for p in (u, v, b, c)]
    fit = torch.einsum("rkn,rkm->rnm", leaves[0], leaves[1]) + leaves[2].mT + leaves[3]
    losses = (fit[:, rows, cols] - values).square().mean(1)
    losses = losses + penalty * sum(leaf.square().sum((1, 2)) for leaf in leaves)
    losses.sum().backward()
    torch.testing.assert_close(problem.closure(), losses.detach())
    for p, leaf in zip(problem.params, leaves, strict=True):
        torch.testing.assert_close(p.grad, leaf.grad)
