"""The gradient of the Huber loss in closed form, against autograd and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.cells import SplitCells, dense_cells
from trainables.completion.huber import HuberProblem
from trainables.completion.robust_factorization import small
from trainables.setup import Setup


def build(shape: tuple[int, int], rank: int, count: int, penalty: float, seed: int) -> HuberProblem:
    """Errors of about 3, so that both branches of the loss are met; two replicas."""
    rng = np.random.default_rng(seed)
    values = (3 * rng.standard_normal(shape)).astype(np.float32)
    order = rng.permutation(values.size)
    count = max(1, min(count, values.size))
    rest = dense_cells(values, order[-1:])
    data = SplitCells(shape, dense_cells(values, order[:count]), rest, rest, 0.0)
    setup = Setup.check([0, 1], penalty=penalty, test_unlocked=False, device="cpu", dtype="float64")
    factors = [torch.from_numpy(rng.standard_normal((2, rank, n))) for n in shape]
    return HuberProblem(data, factors, setup)


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    rank=st.integers(1, 4),
    count=st.integers(1, 81),
    penalty=st.sampled_from([0.0, 1e-3, 2.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_the_closed_form_equals_autograd_of_torchs_huber_loss(
    shape: tuple[int, int], rank: int, count: int, penalty: float, seed: int
) -> None:
    problem = build(shape, rank, count, penalty, seed)
    losses = problem.closure()
    known = problem._known.bool()
    for r in (0, 1):
        u, v = (p.detach()[r].clone().requires_grad_() for p in problem.params)
        loss = torch.nn.functional.huber_loss((u.t() @ v)[known], problem._values[known])
        loss = loss + penalty * (u.square().sum() + v.square().sum())
        torch.testing.assert_close(losses[r], loss.detach(), rtol=1e-12, atol=1e-14)
        for p, want in zip(problem.params, torch.autograd.grad(loss, (u, v)), strict=True):
            assert p.grad is not None
            torch.testing.assert_close(p.grad[r], want, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_the_closed_form_equals_plain_loops(penalty: float) -> None:
    task = small().tiny()
    train = task.data().train
    problem = task.make([3, 4], penalty=penalty, dtype="float64")
    assert isinstance(problem, HuberProblem)
    with torch.no_grad():
        for p in problem.params:
            p.mul_(10)
    losses, (grad_u, grad_v) = problem.closure(), (p.grad for p in problem.params)
    assert grad_u is not None
    assert grad_v is not None
    for r in (0, 1):
        u, v = (p.detach()[r].numpy() for p in problem.params)
        loss = penalty * float((u**2).sum() + (v**2).sum())
        want_u, want_v = 2 * penalty * u, 2 * penalty * v
        branches = set()
        for i, j, value in zip(train.rows, train.cols, train.values, strict=True):
            e = float(u[:, i] @ v[:, j]) - float(value)
            branches.add(abs(e) <= 1)
            loss += (e * e / 2 if abs(e) <= 1 else abs(e) - 0.5) / len(train)
            slope = (e if abs(e) <= 1 else np.sign(e)) / len(train)
            want_u[:, i] += slope * v[:, j]
            want_v[:, j] += slope * u[:, i]
        assert branches == {True, False}
        assert float(losses[r]) == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(grad_u[r].numpy(), want_u, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(grad_v[r].numpy(), want_v, rtol=1e-10, atol=1e-14)


def test_the_losses_for_autograd_are_those_of_the_closure() -> None:
    problem = build((7, 8), 3, 40, 0.1, 0)
    leaves = [p.detach().clone().requires_grad_() for p in problem.params]
    losses = problem.losses(leaves, [0, 1])
    torch.testing.assert_close(problem.closure(), losses.detach(), rtol=1e-12, atol=1e-14)
    for p, want in zip(problem.params, torch.autograd.grad(losses.sum(), leaves), strict=True):
        assert p.grad is not None
        torch.testing.assert_close(p.grad, want, rtol=1e-11, atol=1e-13)


def test_both_scores_are_means_over_the_entries_of_a_part() -> None:
    task = small().tiny()
    problem = task.make([0, 1], test_unlocked=True, dtype="float64")
    u, v = (p.detach()[1].numpy() for p in problem.params)
    for split in ("val", "test"):
        part, scores = task.data().part(split), problem.evaluate(split)
        errors = (u.T @ v)[part.rows, part.cols] - part.values
        assert float(scores["mae"][1]) == pytest.approx(np.abs(errors).mean(), rel=1e-12)
        assert float(scores["rmse"][1]) == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-12)
