"""Intervals, permutation p-values and Holm's correction."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.intervals import holm, mean_interval, sign_flip_p, smallest_p, welch_interval, welch_p

NUMBERS = st.floats(-1e3, 1e3, allow_nan=False)


@given(st.lists(NUMBERS, min_size=2, max_size=12).filter(lambda x: np.ptp(x) > 1e-3))
def test_the_mean_interval_is_students(values: list[float]) -> None:
    found = mean_interval(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.n == len(values)
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high])
    assert found.mean == pytest.approx(np.mean(values))


def test_one_value_has_no_interval() -> None:
    found = mean_interval([3.0])
    assert (found.mean, found.low, found.high, found.n) == (3.0, None, None, 1)
    assert not found.excludes_zero


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert mean_interval([2.0, 2.0, 2.0]).low == 2.0
    assert mean_interval([0.0, 0.0]).excludes_zero is False


def test_welch_is_scipys() -> None:
    a, b = [1.0, 2.0, 4.0], [5.0, 5.5, 7.0, 9.0]
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    found = welch_interval(a, b)
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high])


@pytest.mark.parametrize(("a", "b"), [([1.0], [2.0, 3.0]), ([1.0], [2.0])])
def test_welch_needs_two_on_each_side(a: list[float], b: list[float]) -> None:
    assert welch_interval(a, b).low is None


@given(st.lists(NUMBERS, min_size=2, max_size=6), st.lists(NUMBERS, min_size=2, max_size=6))
def test_welchs_p_and_interval_agree(a: list[float], b: list[float]) -> None:
    assume(np.ptp(a) > 1e-3 and np.ptp(b) > 1e-3)
    p = welch_p(a, b)
    assert p == pytest.approx(stats.ttest_ind(a, b, equal_var=False)[1])
    assume(abs(p - 0.05) > 1e-9)
    assert welch_interval(a, b).excludes_zero == (p < 0.05)


@pytest.mark.parametrize(
    ("a", "b", "p"),
    [([1.0], [2.0, 3.0], 1.0), ([1.0, 1.0], [1.0, 1.0], 1.0), ([1.0, 1.0], [2.0, 2.0], 0.0)],
)
def test_welchs_p_at_its_ends(a: list[float], b: list[float], p: float) -> None:
    assert welch_p(a, b) == p


def test_welch_without_any_spread_is_a_point() -> None:
    found = welch_interval([1.0, 1.0], [3.0, 3.0])
    assert (found.low, found.high) == (-2.0, -2.0)


@given(st.lists(st.integers(-4, 4).map(float), min_size=2, max_size=7))
def test_the_sign_flip_p_counts_all_patterns(d: list[float]) -> None:
    sums = [abs(np.dot(signs, d)) for signs in product((-1, 1), repeat=len(d))]
    expected = np.mean([s >= abs(sum(d)) - 1e-9 for s in sums])
    assert sign_flip_p(d) == pytest.approx(expected)


@pytest.mark.parametrize("n", range(2, 11))
def test_the_smallest_p_is_reached_when_all_differences_agree(n: int) -> None:
    agreeing = np.arange(1.0, n + 1).tolist()
    assert sign_flip_p(agreeing) == pytest.approx(smallest_p(n))


def test_many_pairs_are_sampled_reproducibly() -> None:
    d = np.random.default_rng(0).normal(0.2, 1, 30).tolist()
    assert sign_flip_p(d) == sign_flip_p(d)
    assert sign_flip_p(d) == pytest.approx(stats.ttest_1samp(d, 0)[1], abs=0.02)


def test_holm_on_a_worked_example() -> None:
    # Holm (1979) by hand: 4 x .005, 3 x .01, 2 x .03, then .04 lifted to .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_p_value_and_bonferroni(p: list[float]) -> None:
    adjusted = holm(p)
    for raw, one in zip(p, adjusted, strict=True):
        assert raw <= one <= min(1.0, raw * len(p)) + 1e-12
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def _coverage(draw: str, n: int, repeats: int) -> float:
    rng = np.random.default_rng(1)
    samples = {
        "normal": lambda: rng.normal(1.0, 2.0, n),
        "lognormal": lambda: rng.lognormal(0.0, 0.3, n) / np.exp(0.045),
        "uniform": lambda: rng.uniform(0, 2, n),
    }
    found = [mean_interval(samples[draw]().tolist()) for _ in range(repeats)]
    return float(np.mean([e.low is not None and e.low <= 1.0 <= (e.high or 0) for e in found]))


@pytest.mark.parametrize("draw", ["normal", "lognormal", "uniform"])
def test_the_mean_interval_covers_the_truth(draw: str) -> None:
    # 600 repeats have a standard error of .009; four of them below the nominal level.
    assert _coverage(draw, 10, 600) > 0.95 - 4 * 0.009


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "n", "level"),
    [
        *(("normal", n, 0.95) for n in (3, 5, 10, 30)),
        *(("uniform", n, 0.95) for n in (10, 30)),
        ("uniform", 5, 0.935),  # five values of a shape this far from normal fall a little short
        ("lognormal", 10, 0.935),
    ],
)
def test_the_mean_interval_covers_the_truth_closely(draw: str, n: int, level: float) -> None:
    assert _coverage(draw, n, 20_000) > level - 4 * 0.0016


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 10])
def test_the_sign_flip_test_keeps_its_level(n: int) -> None:
    rng = np.random.default_rng(2)
    rejected = [sign_flip_p(rng.normal(0, 1, n).tolist()) < 0.05 for _ in range(4_000)]
    assert np.mean(rejected) < 0.05 + 4 * 0.0035


def test_holm_is_that_of_statsmodels() -> None:
    p = [0.04, 0.001, 0.03, 0.03, 1.0, 0.2]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
