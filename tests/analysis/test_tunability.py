"""Tunability by hand, and the cross-task score of known optimizers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import Truth, small_study, write_study

from analysis.cards.tunability import tunability_card
from analysis.expected_best import expected_best
from analysis.frames import load
from analysis.intervals import mean_interval
from analysis.tunability import WEIGHTINGS, omega, relative_performance, tunability

# Scores 1, 2, 4: the best of one is 7/3 on average, of two (1 + 1 + 2) / 3, of three 1.
BY_HAND = {"one-shot": 7 / 3, "early": 16 / 9, "uniform": 14 / 9, "late": 4 / 3, "peak": 1.0}


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_the_weighted_sum_by_hand(weighting: str) -> None:
    found = omega(weighting, 3) @ expected_best(np.array([4.0, 1.0, 2.0]))
    assert found == pytest.approx(BY_HAND[weighting])


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("n", [1, 2, 24])
def test_weights_are_shares(weighting: str, n: int) -> None:
    found = omega(weighting, n)
    assert found.sum() == pytest.approx(1) and (found >= 0).all()


def test_the_published_weights() -> None:
    # CPE N - n + 1, CPU 1 / N, CPL n, as in the authors' code.
    assert omega("early", 4).tolist() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert omega("uniform", 4).tolist() == pytest.approx([0.25] * 4)
    assert omega("late", 4).tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])


def twice(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """The same loss of every configuration, twice as high for adam."""
    return 0.4 if optimizer == "adam" else 0.2


def test_twice_the_loss_is_half_the_score(tmp_path: Path) -> None:
    study = small_study(task=("a", "b", "c"), trials=8)
    quiet = Truth(twice, seed_sd=0, run_sd=0)
    frames = load(write_study(tmp_path, study, quiet, confirm=False))
    relative, reasons = relative_performance(frames)
    assert not reasons
    assert [r.optimizer for r in relative] == ["flowadam", "adam"]
    for w in WEIGHTINGS:
        assert [r.at[w].mean for r in relative] == pytest.approx([1.0, 0.5])
        assert relative[0].at[w].n == 3
    assert (
        tunability_card(frames)
        .verdict[0]
        .startswith("Over all efforts up to N = 8, flowadam comes closest to the best: ")
    )


def test_values_stay_within_the_support(tmp_path: Path) -> None:
    frames = load(write_study(tmp_path, small_study(trials=9), confirm=False))
    for cell in frames.elections:
        found = tunability(frames, cell)
        assert found.values.keys() == WEIGHTINGS.keys()
        means = [found.values[w].mean for w in WEIGHTINGS]
        assert means == sorted(means, reverse=True)
        assert all((e.low or 0) >= 0 for e in found.values.values())


def test_failures_without_a_trivial_predictor_have_no_mean(tmp_path: Path) -> None:
    def loss(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return math.inf if optimizer == "adam" and unit["opt.lr"] > 0.4 else 0.5

    truth = Truth(loss, trivial=math.inf)
    frames = load(write_study(tmp_path, small_study(trials=10), truth, confirm=False))
    card = tunability_card(frames)
    assert "task by task only" in card.verdict[0]
    assert "no trivial predictor says what a failure costs" in card.verdict[1]
    assert card.table is not None
    assert [row[0] for row in card.table.groups[0].rows] == ["flowadam"]


def test_scores_at_zero_have_no_ratio(tmp_path: Path) -> None:
    truth = Truth(lambda *_: 0.0, seed_sd=0, run_sd=0)
    frames = load(write_study(tmp_path, small_study(trials=8), truth, confirm=False))
    assert relative_performance(frames)[1] == ["bowl: a score is 0 or negative, which has no ratio"]


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [4, 8, 12])
@pytest.mark.parametrize(("a", "b"), [(8, 2), (4, 4), (20, 1)])
def test_the_interval_over_tasks_covers(a: float, b: float, tasks: int) -> None:
    rng = np.random.default_rng(0)
    found = [mean_interval(rng.beta(a, b, tasks).tolist()) for _ in range(10_000)]
    hits = np.mean([(e.low or 0) <= a / (a + b) <= (e.high or 0) for e in found])
    # Ratios pile up below 1, so Student's interval falls short of 95 % by up to 7 %.
    assert hits > 0.88 - 4 * 0.0033
