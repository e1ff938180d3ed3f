"""Matrix sensing: data, gradient, and the two faces of its metric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowadam.errors import InputError
from flowadam.task import Split
from trainables.small.sensing import MatrixSensing
from trainables.small.sensing_problem import effective_rank

SPLITS: tuple[Split, ...] = ("val", "test")


def unlocked(task: MatrixSensing, seeds: tuple[int, ...] = (0,), **options: Any) -> Any:
    return task.make(seeds, test_unlocked=True, dtype="float64", **options)


def put(problem: Any, x: np.ndarray) -> None:
    """Make X = x in every replica, with V the identity."""
    with torch.no_grad():
        problem.params[0].copy_(torch.from_numpy(x))
        problem.params[1].copy_(torch.eye(len(x)))


def test_the_published_size() -> None:
    task = MatrixSensing()
    data = task.data()
    assert task.measurements == 2 * 3 * (2 * 40 - 3)
    assert data.train.operators.shape == (462, 1600)
    assert np.linalg.matrix_rank(data.truth) == 3
    assert data.truth.std() == pytest.approx(3**-0.5, rel=0.25)
    for part in (data.train, data.val):
        by_hand = [(a.reshape(40, 40) * data.truth).sum() for a in part.operators]
        np.testing.assert_allclose(part.values, by_hand, rtol=1e-9, atol=1e-9)
        assert part.operators.std() == pytest.approx(1, abs=0.01)
    rows = {row.tobytes() for part in (data.train, data.val) for row in part.operators}
    assert len(rows) == 562


def test_the_start_is_small() -> None:
    factors = torch.stack(list(MatrixSensing().make(range(5)).params))
    assert factors.shape == (2, 5, 40, 40)
    assert float(factors.detach().std()) == pytest.approx(1e-3, rel=0.05)


@given(seed=st.integers(0, 2**31), penalty=st.sampled_from([0.0, 0.3]))
@settings(max_examples=25, deadline=None)
def test_the_closed_form_is_autograds(seed: int, penalty: float) -> None:
    problem: Any = MatrixSensing().tiny().make([0, 1], penalty=penalty, dtype="float64")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in problem.params:
            p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
            p.grad = torch.full_like(p, 9.0)
    found = problem.closure()
    leaves = [p.detach().clone().requires_grad_() for p in problem.params]
    expected = problem.losses(leaves, [0, 1])
    torch.testing.assert_close(found, expected.detach(), rtol=1e-12, atol=0)
    gradients = torch.autograd.grad(expected.sum(), leaves)
    for p, g in zip(problem.params, gradients, strict=True):
        torch.testing.assert_close(p.grad, g, rtol=1e-11, atol=1e-11)


def test_the_loss_is_the_mean_squared_residual() -> None:
    task = MatrixSensing().tiny()
    problem, train = unlocked(task), task.data().train
    x = np.random.default_rng(0).standard_normal((6, 6))
    put(problem, x)
    rows = zip(train.operators, train.values, strict=True)
    by_hand = np.mean([((a.reshape(6, 6) * x).sum() - y) ** 2 for a, y in rows])
    assert problem.closure().item() == pytest.approx(by_hand, rel=1e-12)


def test_the_true_matrix_is_recovered_exactly() -> None:
    task = MatrixSensing()
    problem = unlocked(task, (0, 1))
    put(problem, task.data().truth)
    assert (problem.closure() < 1e-20).all()
    for split in SPLITS:
        assert (problem.evaluate(split)["recovery"] < 1e-12).all()


def test_recovery_on_test_is_the_distance_to_the_matrix() -> None:
    task = MatrixSensing().tiny()
    problem, truth = unlocked(task), task.data().truth
    error = np.random.default_rng(1).standard_normal(truth.shape)
    put(problem, truth + error)
    expected = np.linalg.norm(error) / np.linalg.norm(truth)
    assert problem.evaluate("test")["recovery"].item() == pytest.approx(expected, rel=1e-12)


def test_recovery_on_validation_estimates_it() -> None:
    """With 4,000 held-out measurements the two agree to 5 standard errors of 1.6 %."""
    task = replace(MatrixSensing(), size=8, measurements=30, held_out=4000)
    problem, truth = unlocked(task), task.data().truth
    for scale in (0.01, 1.0, 30.0):
        put(problem, truth + scale * np.random.default_rng(2).standard_normal(truth.shape))
        val, test = (problem.evaluate(split)["recovery"].item() for split in SPLITS)
        assert val == pytest.approx(test, rel=5 * 4000**-0.5)
        assert val != test


def test_validation_does_not_see_the_matrix() -> None:
    """A locked problem gives the same validation metric when the matrix is replaced by nan."""
    task = MatrixSensing().tiny()
    task.data().truth[:] = np.nan
    try:
        assert task.make([0]).evaluate("val")["recovery"].isfinite().all()
        assert task.make([0], test_unlocked=True).evaluate("test")["recovery"].isnan().all()
    finally:
        from trainables.small import sensing

        sensing._draw.cache_clear()


@pytest.mark.parametrize(
    ("singular", "expected"),
    [([1, 1, 1, 1], 4.0), ([7, 0, 0, 0], 1.0), ([3, 3, 0, 0], 2.0), ([2, 1, 1, 0], 2 * 2**0.5)],
)
def test_effective_rank(singular: list[float], expected: float) -> None:
    """Equal values count fully; (1/2, 1/4, 1/4) has the entropy 3/2 log 2."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(2, 4, 4, generator=generator, dtype=torch.float64)
    left, right = torch.linalg.qr(draws)[0]
    x = left @ torch.diag(torch.tensor(singular, dtype=torch.float64)) @ right
    assert effective_rank(x).item() == pytest.approx(expected, rel=1e-6)


def test_trivial_predictors_are_matrices() -> None:
    task = MatrixSensing().tiny()
    problem, train = unlocked(task), task.data().train
    average = (train.values[:, None] * train.operators).mean(0)
    scales = np.linspace(0, 3, 3001)
    misses = [((train.operators @ (s * average) - train.values) ** 2).sum() for s in scales]
    best = scales[int(np.argmin(misses))] * average.reshape(6, 6)
    for split in SPLITS:
        values = task.trivial(split)
        put(problem, np.zeros((6, 6)))
        assert problem.evaluate(split)["recovery"].item() == values["zero matrix"] == 1.0
        put(problem, best)
        found = problem.evaluate(split)["recovery"].item()
        assert values["back-projection"] == pytest.approx(found, rel=1e-2)


@pytest.mark.parametrize("option", ["size", "true_rank", "measurements", "held_out"])
def test_wrong_sizes(option: str) -> None:
    with pytest.raises(InputError, match=f"`{option}` must be a whole number of at least"):
        replace(MatrixSensing(), **{option: 0})
