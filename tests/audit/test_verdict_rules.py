"""Every verdict word against its rule, and the gain behind it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.audit.verdicts import (
    Gain,
    center,
    collapse_word,
    equal_word,
    paired_gain,
    share,
    share_difference,
    student,
    word,
)

POSITIVE = st.lists(st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)), min_size=3, max_size=12)


@pytest.mark.parametrize(
    ("low", "high", "n", "claimed", "said"),
    [
        (0.05, 0.15, 10, 0.10, "holds"),
        (0.05, 0.15, 10, 0.15, "holds"),
        (0.05, 0.15, 10, None, "holds"),
        (0.15, 0.25, 10, 0.10, "holds"),
        (0.05, 0.15, 10, 0.16, "shrinks"),
        (0.0, 0.15, 10, 0.10, "vanishes"),
        (-0.05, 0.15, 10, 0.10, "vanishes"),
        (-0.15, 0.0, 10, 0.10, "vanishes"),
        (0.0, 0.0, 10, None, "vanishes"),
        (-0.15, -0.05, 10, 0.10, "reverses"),
        (-0.15, -0.05, 10, None, "reverses"),
        (0.05, 0.15, 5, 0.10, "holds"),
        (0.05, 0.15, 4, 0.10, "not testable"),
        (-0.15, -0.05, 4, None, "not testable"),
        (None, None, 1, 0.10, "not testable"),
    ],
)
def test_words(
    low: float | None, high: float | None, n: int, claimed: float | None, said: str
) -> None:
    assert word(Gain(0.0, low, high, n), claimed) == said


@pytest.mark.parametrize(
    ("low", "high", "n", "said"),
    [
        (-0.01, 0.01, 10, "holds"),
        (-0.02, 0.01, 10, "vanishes"),
        (-0.01, 0.02, 10, "vanishes"),
        (-0.05, 0.05, 10, "vanishes"),
        (0.02, 0.03, 10, "reverses"),
        (-0.03, -0.02, 10, "reverses"),
        (-0.01, 0.01, 4, "not testable"),
    ],
)
def test_words_on_equality(low: float, high: float, n: int, said: str) -> None:
    assert equal_word(Gain(0.0, low, high, n), 0.02) == said


@pytest.mark.parametrize(
    ("focus", "other", "n", "said"),
    [
        (0, 10, 40, "holds"),  # 10 of 10 apart: exact interval [.69, 1]
        (0, 6, 40, "holds"),  # 6 of 6: [.54, 1]
        (0, 5, 40, "vanishes"),  # 5 of 5: [.48, 1]
        (10, 0, 40, "reverses"),
        (0, 0, 40, "vanishes"),
        (0, 10, 39, "not testable"),
    ],
)
def test_words_on_collapse(focus: int, other: int, n: int, said: str) -> None:
    first = {seed: seed < focus for seed in range(n)}
    second = {seed: n - 1 - seed < other for seed in range(n)}
    assert collapse_word(first, second, 40) == said


def test_runs_that_collapse_together_do_not_count() -> None:
    both = {seed: seed < 20 for seed in range(40)}
    assert collapse_word(both, both, 40) == "vanishes"


@given(POSITIVE)
def test_exchanging_the_two_exchanges_the_interval(pairs: list[tuple[float, float]]) -> None:
    a, b = zip(*pairs, strict=True)
    gain, back = paired_gain(a, b, "relative"), paired_gain(b, a, "relative")
    assert gain.low is not None and back.high is not None
    assert (1 - gain.mean) * (1 - back.mean) == pytest.approx(1)
    assert (1 - gain.low) * (1 - back.high) == pytest.approx(1, rel=1e-3)


@given(POSITIVE, st.floats(0.01, 100))
def test_a_unit_does_not_matter(pairs: list[tuple[float, float]], unit: float) -> None:
    a, b = zip(*pairs, strict=True)
    scaled = paired_gain([unit * x for x in a], [unit * x for x in b], "relative")
    assert scaled.mean == pytest.approx(paired_gain(a, b, "relative").mean, abs=1e-9)


def test_worked_example() -> None:
    """Ratios 0.8 and 0.9: geometric mean sqrt(.72); Student's t with one degree of freedom."""
    gain = paired_gain([0.8, 0.9], [1.0, 1.0], "relative")
    half = 12.7062047 * math.log(0.9 / 0.8) / 2
    assert gain.mean == pytest.approx(1 - math.sqrt(0.72))
    assert gain.low == pytest.approx(1 - math.sqrt(0.72) * math.exp(half))
    assert paired_gain([1.0, 2.0], [2.0, 4.0], "absolute").mean == pytest.approx(1.5)


@pytest.mark.parametrize("pair", [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_numbers_that_have_no_ratio_are_refused(pair: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        paired_gain([pair[0], 1.0], [pair[1], 1.0], "relative")


def test_a_share_has_the_exact_interval() -> None:
    found = share(0, 40)
    assert (found.mean, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 40))


@pytest.mark.slow
def test_the_interval_covers_the_truth() -> None:
    """Of 4,000 simulated samples about 95 % of the intervals hold the true log ratio."""
    rng, true = np.random.default_rng(0), math.log(0.9)
    hits = 0
    for _ in range(4000):
        noise = rng.normal(true, 0.1, 10)
        gain = student(noise.tolist())
        assert gain.low is not None and gain.high is not None
        hits += gain.low <= true <= gain.high
    assert abs(hits / 4000 - 0.95) < 0.012


@pytest.mark.parametrize("together", [False, True])
def test_a_difference_of_shares_is_covered_however_runs_depend(together: bool) -> None:
    """Forty seeds, true shares .3 and .1, drawn apart or from one number each."""
    draws = np.random.default_rng(5).random((600, 2, 40))
    first, second = draws[:, 0] < 0.3, draws[:, 0 if together else 1] < 0.1
    found = [
        share_difference(int(a.sum()), 40, int(b.sum()), 40)
        for a, b in zip(first, second, strict=True)
    ]
    covered = [g.low is not None and g.high is not None and g.low <= 0.2 <= g.high for g in found]
    assert np.mean(covered) >= 0.95


def test_a_contender_s_own_number_reproduces_the_gain() -> None:
    a, b = [1.0, 2.0, 5.0, 9.0], [2.0, 3.0, 8.0, 9.5]
    gain = paired_gain(a, b, "relative")
    assert 1 - center(a, "relative").mean / center(b, "relative").mean == pytest.approx(gain.mean)
    low, high = center(a, "relative").low, center(a, "relative").high
    assert low is not None and high is not None and 0 < low < math.prod(a) ** (1 / 4) < high


@pytest.mark.parametrize(
    ("values", "lowest"), [([0.0, 0.0, 0.3], 0.0), ([-0.1, 0.0, 0.3], -0.5), ([0.0, 0.0], 0.0)]
)
def test_an_error_rate_is_not_below_zero(values: list[float], lowest: float) -> None:
    found = center(values, "relative")
    assert found.mean == pytest.approx(np.mean(values)) and found.low is not None
    assert (found.low == 0.0) if lowest == 0.0 else found.low < 0
