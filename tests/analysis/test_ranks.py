"""Tests across tasks against the worked example of Demsar (2006) and small tables by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import intervals
from analysis.practical import Practical, practical
from analysis.ranks import (
    all_pairs,
    biserial,
    friedman,
    holm,
    iman_davenport,
    judge,
    many_to_one,
    median_difference,
    signed_rank_p,
)

# Areas under the curve of four variants of C4.5 on 14 data sets (Demsar 2006, table 6); higher is
# better there. Two entries of the thirteenth row are equal as printed and ranked 2 and 3.
AUC = {
    "C4.5": ".763 .599 .954 .628 .882 .936 .661 .583 .775 1 .940 .619 .972 .957",
    "+m": ".768 .591 .971 .661 .888 .931 .668 .583 .838 1 .962 .666 .981 .978",
    "+cf": ".771 .590 .968 .654 .886 .916 .609 .563 .866 1 .965 .614 .9751 .946",
    "+m+cf": ".798 .569 .967 .657 .898 .931 .685 .625 .875 1 .962 .669 .975 .970",
}
LOSS = {name: [-float(value) for value in row.split()] for name, row in AUC.items()}
# One row ties four ways, three tie in a pair: 1 - sum(t^3 - t) / (n m (m^2 - 1)).
TIES = 1 - (60 + 3 * 6) / (14 * 4 * 15)


def test_friedman_gives_the_published_ranks_and_statistics() -> None:
    found = friedman(LOSS)
    assert list(found.ranks.values()) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    published = found.chi2 * TIES  # the book's formula does not correct for ties
    assert published == pytest.approx(9.28, abs=0.005)
    assert iman_davenport(published, 4, 14) == pytest.approx(3.69, abs=0.005)
    assert found.f == iman_davenport(found.chi2, 4, 14)
    assert found.n == 14
    assert 0 < found.f_p < found.p < 0.05


def test_holm_rejects_what_the_worked_example_rejects() -> None:
    ranks = list(friedman(LOSS).ranks.values())
    error = math.sqrt(4 * 5 / (6 * 14))
    z = [(ranks[0] - rank) / error for rank in ranks[1:]]
    p = [math.erfc(value / math.sqrt(2)) for value in z]
    assert p == pytest.approx([0.019, 0.607, 0.016], abs=2e-3)
    assert holm(p) == pytest.approx([3 * p[2], p[1], 3 * p[2]])
    assert [value < 0.05 for value in holm(p)] == [True, False, True]


@pytest.mark.parametrize("m", range(1, 8))
def test_both_forms_of_holm_agree(m: int) -> None:
    p = np.random.default_rng(m).uniform(size=m) ** 3
    assert holm(p.tolist()) == pytest.approx(intervals.holm(p.tolist()))


def test_signed_ranks_of_the_worked_example() -> None:
    differences = np.round(np.subtract(LOSS["+m"], LOSS["C4.5"]), 3)
    # Without the two zeros the ranks of the losses add up to 1.5 + 5 of 78.
    assert biserial(differences) == pytest.approx(-(78 - 2 * 6.5) / 78)
    assert signed_rank_p(differences) < 0.05


@pytest.mark.parametrize("n", range(1, 11))
def test_the_signed_rank_p_is_the_share_of_all_sign_patterns(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.7, 1, n)
    ranks = np.abs(differences).argsort().argsort() + 1
    patterns = np.array(list(itertools.product([-1, 1], repeat=n)))
    sums = np.abs(patterns @ ranks)
    expected = np.mean(sums >= abs(np.sign(differences) @ ranks))
    assert signed_rank_p(differences) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("differences", "p", "correlation", "median"),
    [
        ([-1.0] * 8, 2 / 2**8, -1.0, -1.0),
        ([0.0] * 8, 1.0, 0.0, 0.0),
        ([1.0, -1.0] * 4, 1.0, 0.0, 0.0),
        ([-3.0, 1.0, -2.0, 4.0, 0.0, 0.0, 0.0, 0.0], 1.0, 0.0, 0.0),
    ],
)
def test_edges(differences: list[float], p: float, correlation: float, median: float) -> None:
    d = np.array(differences)
    assert signed_rank_p(d) == pytest.approx(p)
    assert biserial(d) == correlation
    found = median_difference(d)
    assert found.center == median
    assert found.low <= median <= found.high


@given(st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-6), min_size=1, max_size=7))
@settings(max_examples=25)
def test_swapping_sides_changes_the_sign_alone(values: list[float]) -> None:
    d = np.array(values)
    assert biserial(-d) == pytest.approx(-biserial(d))
    assert signed_rank_p(-d) == pytest.approx(signed_rank_p(d))
    assert -1 <= biserial(d) <= 1


def test_controls_are_in_no_family() -> None:
    focus = [0.1] * 8
    rivals = {
        "worse": [0.2 + i / 100 for i in range(8)],
        "same": [0.1 - 0.01 * (-1) ** i for i in range(8)],
    }
    alone = many_to_one(focus, rivals, {})
    beside = many_to_one(focus, rivals, {"control": [0.3 + i / 100 for i in range(8)]})
    assert beside[:2] == alone
    worse, same, control = beside
    assert (worse.word, worse.p, worse.p_holm) == ("better", 2 / 2**8, 4 / 2**8)
    assert same.word == "no difference shown"
    assert (control.word, control.p_holm, control.p) == (None, None, 2 / 2**8)


@pytest.mark.parametrize(
    ("direction", "p", "word"),
    [(-1, 0.049, "better"), (1, 0.049, "worse"), (-1, 0.05, "no difference shown")],
)
def test_the_word_needs_holm(direction: float, p: float, word: str) -> None:
    assert judge(direction, p) == word


def test_all_pairs_are_tested_once_and_adjusted_together() -> None:
    values = {
        "a": list(range(8)),
        "b": [i + 1.0 + i / 10 for i in range(8)],
        "c": [8.0 - i for i in range(8)],
    }
    found = all_pairs(values)
    assert (found == found.T).all().all()
    assert (np.diag(found) == 1).all()
    raw = [
        signed_rank_p(np.subtract(values[x], values[y]))
        for x, y in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    assert [found.loc["a", "b"], found.loc["a", "c"], found.loc["b", "c"]] == holm(raw)


def test_a_failed_run_ranks_last() -> None:
    values = {"a": [1.0, 1.0, math.inf], "b": [2.0, 2.0, 2.0], "c": [3.0, 3.0, 3.0]}
    assert friedman(values).ranks == pytest.approx({"a": 5 / 3, "b": 5 / 3, "c": 8 / 3})


@pytest.mark.parametrize(
    ("shift", "word"),
    [(0.3, "better"), (-0.3, "worse"), (0.0, "practically equal"), (0.005, "practically equal")],
)
def test_the_lower_regret_is_better_and_one_percent_is_equal(shift: float, word: str) -> None:
    mine = np.linspace(0.2, 0.6, 10)
    found = practical(mine.tolist(), (mine + shift).tolist())
    assert found.word == word
    assert found.better + found.equal + found.worse == pytest.approx(1)
    assert found == practical(mine.tolist(), (mine + shift).tolist())


def test_what_no_outcome_holds_is_undecided() -> None:
    assert Practical(0.94, 0.03, 0.03).word == "undecided"


def test_a_failure_loses_to_all_but_another_failure() -> None:
    good = [0.1 * i for i in range(8)]
    bad = [*good[:6], math.inf, math.inf]
    (found,) = many_to_one(good, {"bad": bad}, {})
    assert (found.biserial, found.median.center) == (-1.0, 0.0)
    assert (found.median.low, found.median.high) == (-1.0, 0.0)
    (tie,) = many_to_one(bad, {"bad": bad}, {})
    assert (tie.p, tie.biserial) == (1.0, 0.0)
