"""Interquartile mean, probability of improvement and bootstrap intervals by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import bootstrap
from analysis.aggregate import improvement, interquartile_mean, iqm, probability_of_improvement
from analysis.bootstrap import expanded_level, over_seeds, over_tasks


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 999)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([[0.0, 0.1, 0.2, 0.9]], 0.15),
        ([[0.9, 0.1], [0.2, 0.0]], 0.15),
        ([[5.0]], 5.0),
        # Six values: a quarter is one and a half, rounded down to one at each end.
        ([[0.0, 1.0, 2.0], [3.0, 4.0, 100.0]], 2.5),
    ],
)
def test_the_middle_half_is_averaged(samples: list[list[float]], expected: float) -> None:
    assert iqm(*map(np.array, samples)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([[1.0, 2.0]], [[3.0, 4.0]], 1.0),
        ([[3.0, 4.0]], [[1.0, 2.0]], 0.0),
        ([[1.0, 3.0]], [[2.0, 4.0]], 0.75),
        ([[1.0, 2.0]], [[2.0, 2.0]], 0.75),
        ([[1.0], [3.0, 3.0]], [[1.0], [4.0, 2.0]], 0.5),
        ([[1.0, math.inf]], [[2.0, math.inf]], (1 + 1 + 0 + 0.5) / 4),
    ],
)
def test_pairs_are_counted_and_ties_by_half(
    x: list[list[float]], y: list[list[float]], expected: float
) -> None:
    assert improvement(*map(np.array, x), *map(np.array, y)) == pytest.approx(expected)
    assert improvement(*map(np.array, y), *map(np.array, x)) == pytest.approx(1 - expected)


def test_every_task_weighs_the_same_however_many_seeds_it_has() -> None:
    x, y = [np.zeros(2), np.ones(20)], [np.ones(2), np.zeros(20)]
    assert improvement(*x, *y) == 0.5


@given(st.integers(2, 30), st.integers(1, 200))
def test_the_expanded_level_is_wider_and_tends_to_the_nominal_one(n: int, tasks: int) -> None:
    assert expanded_level(n) > 0.95
    assert expanded_level(n, tasks * (n - 1)) <= expanded_level(n) + 1e-12
    assert expanded_level(10**6, 10**6) == pytest.approx(0.95, abs=1e-5)


def draw(tasks: int, seeds: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.beta(2, 6) + rng.normal(0, 0.05, seeds) for _ in range(tasks)]


def test_intervals_are_the_same_each_time_and_hold_their_center() -> None:
    first, again = interquartile_mean(draw(8, 10)), interquartile_mean(draw(8, 10))
    assert first == again
    assert first is not None and first.tasks is not None
    assert first.tasks.low < first.seeds.low < first.seeds.center < first.seeds.high
    assert first.seeds.high < first.tasks.high
    assert (first.n_tasks, first.n_seeds) == (8, 10)


@pytest.mark.parametrize(("tasks", "refused"), [(2, True), (7, True), (8, False)])
def test_new_tasks_need_eight(tasks: int, refused: bool) -> None:
    x, y = draw(tasks, 4, 1), draw(tasks, 4, 2)
    for found in (interquartile_mean(x), probability_of_improvement(x, y)):
        assert found is not None
        assert (found.tasks is None) is refused


@pytest.mark.parametrize("tasks", [2, 8])
@pytest.mark.parametrize("wins", [True, False])
def test_agreement_of_all_pairs_is_no_certainty(tasks: int, wins: bool) -> None:
    low, high = draw(tasks, 5), [values + 10 for values in draw(tasks, 5)]
    found = probability_of_improvement(low, high) if wins else probability_of_improvement(high, low)
    assert found is not None
    edge = 0.025 ** (1 / (5 * tasks))
    expected = (edge, 1.0) if wins else (0.0, 1 - edge)
    assert (found.seeds.low, found.seeds.high) == pytest.approx(expected)
    assert found.seeds.center == wins
    if tasks == 8:
        assert found.tasks is not None
        assert found.tasks.high - found.tasks.low == pytest.approx(1 - 0.025 ** (1 / 8))


def test_one_seed_has_no_interval() -> None:
    assert over_seeds(iqm, [np.array([1.0]), np.array([1.0, 2.0])]) is None
    assert interquartile_mean([np.array([1.0])]) is None


def test_new_tasks_are_common_to_both_sides() -> None:
    # On every task x and y hold the same values: whatever tasks are drawn, neither side wins.
    x = [np.full(3, float(task)) for task in range(8)]
    found = over_tasks(improvement, x, x)
    assert (found.low, found.center, found.high) == (0.5, 0.5, 0.5)


def test_unequal_numbers_of_seeds_are_drawn_from_their_own_task() -> None:
    samples = [np.full(2 + task, float(task)) for task in range(8)]
    found = over_tasks(iqm, samples)
    assert 0 <= found.low < found.center < found.high <= 7
