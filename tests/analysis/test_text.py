"""Numbers as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.intervals import Estimate
from analysis.text import count, estimate, fitted, interval, number, percent

NB = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (-0.12345, "−0.123"),
        (1500.0, "1,500"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "–"),
        (Estimate(0.51234, 0.50111, 0.52357, 10), "0.512 [0.501, 0.524]"),
        (Estimate(1234.5, 1200.0, 1269.0, 10), "1234 [1200, 1269]"),
        (Estimate(0.5, None, None, 1), "0.5000 (one seed, no interval)"),
        (Estimate(0.5, 0.5, 0.5, 4), "0.5000 [0.5000, 0.5000]"),
        (Estimate(0.0, 0.0, 0.0, 4), "0.0 [0.0, 0.0]"),
    ],
)
def test_estimate_has_two_digits_of_its_half_width(found: Estimate | None, text: str) -> None:
    assert estimate(found) == text


def test_signs_are_shown_where_they_matter() -> None:
    assert estimate(Estimate(0.05, -0.02, 0.12, 9), signed=True) == "+0.050 [−0.020, +0.120]"


def test_an_infinite_end_stays_infinite() -> None:
    assert interval(0.5, 0.4, math.inf) == "0.5000 [0.4000, ∞]"


def test_tiny_intervals_are_powers_of_ten() -> None:
    assert interval(1e-9, -2e-9, 4.25e-9, signed=True) == "+1e−09 [−2e−09, +4.3e−09]"
    assert interval(2e-5, 1e-5, math.inf) == "2e−05 [1e−05, ∞]"
    assert interval(2e-5, -1e-3, 1e-3) == "0.0000 [−0.0010, 0.0010]"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0312, "+3.1"), (-0.5, "−50"), (0.0, "0"), (-0.00012, "−0.01"), (2.5, "+250")],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == f"{text}{NB}%"


def test_percent_of_nothing_is_a_dash() -> None:
    assert percent(None) == percent(math.nan) == percent(math.inf) == "–"


def test_count_bends_its_noun() -> None:
    assert (count(1, "seed"), count(3, "seed")) == ("1 seed", "3 seeds")
    assert count(2, "sub-study", "sub-studies") == "2 sub-studies"


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e6))
def test_nothing_here_raises(center: float, half: float) -> None:
    assert number(center)
    assert percent(center)
    assert interval(center, center - half, center + half)


@given(st.integers(30, 200))
def test_a_table_that_does_not_fit_is_a_list(width: int) -> None:
    rows = [("optimizer", "rate", "error"), ("adam", "0.1", "0.5 [0.4, 0.6]"), ("sgd", "1", "")]
    lines = fitted(rows, width)
    assert max(map(len, lines)) <= width
    assert all(word in " ".join(lines) for word in ("adam", "sgd", "0.5", "[0.4,"))
    assert fitted(rows, 20)[0] == "adam: rate 0.1;"
