"""Performance profiles: the exact integral, targets, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_study import LR, Truth, bowl, small_study, write_study

from analysis import profiles
from analysis.cards.profile import profile_card
from analysis.figures.steps import steps
from analysis.frames import Arena, Frames, load
from analysis.profiles import R_MAX, integral, profile
from analysis.races import Race, lower_median, races
from analysis.roster import roster
from flowadam.space import Space

NAMES = ("flowadam", "adam", "adamw")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "RESAMPLES", 200)


def test_the_integral_is_exact_where_the_trapezoid_is_not() -> None:
    ratios = np.array([1.0, 2.0, 1.5, math.inf])
    assert integral(ratios) == 0.625
    tau = np.linspace(1, R_MAX, 100)
    share = (ratios[:, None] <= tau).mean(axis=0)
    assert np.trapezoid(share, tau) / (R_MAX - 1) == pytest.approx(0.6263, abs=5e-5)


@given(st.lists(st.floats(1, 10), min_size=1, max_size=12))
def test_the_integral_is_that_of_the_steps(values: list[float]) -> None:
    ratios = np.array(values)
    ends = np.unique(np.concatenate([[1.0, R_MAX], ratios[ratios < R_MAX]]))
    share = (ratios[:, None] <= ends[:-1]).mean(axis=0)
    assert integral(ratios) == pytest.approx(np.sum(share * np.diff(ends)) / (R_MAX - 1))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([[3.0]], 3.0), ([[1.0, 2.0]], 1.0), ([[3.0, 1.0], [2.0, math.inf]], 2.0)],
)
def test_half_of_the_runs_reach_the_lower_median(values: Any, expected: float) -> None:
    assert lower_median(np.array(values)) == expected


def race(**gradients: list[list[float]]) -> Race:
    """A race whose target is 0.5 whichever runs are drawn, set by adamw."""
    shape = np.array(gradients["adamw"]).shape
    return Race(
        Arena("one", 100),
        np.array([0.5]),
        {"adamw": np.zeros(shape, dtype=int)},
        {name: np.array(values)[..., None] for name, values in gradients.items()},
    )


def test_ratios_to_the_fastest_by_hand() -> None:
    quick = race(adamw=[[50.0, 50.0]], lion=[[25.0, 25.0]], slow=[[math.inf, math.inf]])
    level = race(adamw=[[40.0, 40.0]], lion=[[80.0, 80.0]], slow=[[40.0, math.inf]])
    found = profile([quick, level], ["adamw", "lion", "slow"], independent=True)
    assert found.ratios["adamw"].tolist() == [2.0, 1.0]
    assert found.ratios["lion"].tolist() == [1.0, 2.0]
    assert found.ratios["slow"].tolist() == [math.inf, 1.0]
    assert found.scores["adamw"].center == pytest.approx((2 + 3) / 2 / 3)
    assert found.scores["slow"].center == pytest.approx(3 / 2 / 3)
    assert not found.winners  # one winner cannot be resampled


def test_a_control_is_held_against_the_family_and_never_leads_it() -> None:
    one = race(adamw=[[50.0, 50.0]], clipped=[[10.0, 10.0]])
    found = profile([one], ["adamw"], independent=True)
    assert found.ratios["adamw"].tolist() == [1.0]
    assert found.ratios["clipped"].tolist() == [1.0]


@pytest.mark.parametrize("independent", [True, False])
def test_winners_of_an_adaptive_search_are_not_resampled(independent: bool) -> None:
    # Three winners differ, their seeds do not: only resampling winners gives B a width.
    winners = [[50.0] * 4, [100.0] * 4, [150.0] * 4]
    found = profile(
        [race(adamw=winners, lion=[[60.0] * 4] * 3)], ["adamw", "lion"], independent=independent
    )
    score = found.scores["adamw"]
    assert (score.low < score.high) is independent
    assert found.winners is independent


def study(folder: Path, **changes: Any) -> Frames:
    base = {"task": ("one", "two"), "optimizer": NAMES, "confirm_seeds": 4}
    truth = Truth(bowl, spaces={name: Space((LR,)) for name in NAMES})
    return load(write_study(folder, small_study(**{**base, **changes}), truth))


def test_a_race_is_read_from_the_curves(tmp_path: Path) -> None:
    frames = study(tmp_path)
    who = roster(frames)
    first, *_ = races(frames, who)
    rows = frames.trials.query("phase == 'confirm' and task == 'one' and config > 0")
    best = pd.Series(frames.curves.groupby("key")["val"].min())
    medians = {
        name: sorted(best[rows.loc[rows["optimizer"] == name, "key"]])[5]
        for name in ("adam", "adamw")
    }
    found = profile([first], who.family, independent=True)
    target = found.targets[first.arena]
    assert target.value == min(medians.values())
    assert medians[target.reference] == target.value
    key = rows.loc[rows["optimizer"] == "flowadam", "key"].iloc[0]
    curve = frames.curves.loc[frames.curves["key"] == key].sort_values("fraction")
    reached = curve.loc[curve["val"] <= first.targets[-1], "grad_evals"]
    expected = reached.iloc[0] if len(reached) else math.inf
    assert first.gradients["flowadam"][0, 0, -1] == max(expected, 1)


def test_a_failed_run_never_arrives(tmp_path: Path) -> None:
    frames = study(tmp_path)
    trials = frames.trials.copy()
    mine = (trials["phase"] == "confirm") & (trials["optimizer"] == "flowadam")
    trials.loc[mine & (trials["seed"] == trials["seed"].max()), "status"] = "timeout"
    broken = replace(frames, trials=trials)
    first, *_ = races(broken, roster(broken))
    assert np.isinf(first.gradients["flowadam"][:, -1]).all()
    assert np.isfinite(first.gradients["flowadam"][:, 0]).any()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"task": ("one",)}, "it takes several tasks"),
        ({"optimizer": ("flowadam", "lion")}, "targets are set by adamw or adam"),
        ({"control": ("adam", "adamw")}, "targets are set by adamw or adam"),
    ],
)
def test_what_cannot_be_raced_is_refused(tmp_path: Path, changes: Any, told: str) -> None:
    card = profile_card(study(tmp_path, **changes))
    assert told in card.verdict[0]
    assert (card.figure, card.table) == (None, None)


def test_a_target_met_at_the_start_is_no_race(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    frames = study(folder)
    points = frames.curves.copy()
    one = frames.trials.loc[frames.trials["task"] == "one", "key"]
    points.loc[points["key"].isin(one) & (points["fraction"] == 0), "val"] = -1.0
    started = replace(frames, curves=points)
    assert [race.at_start for race in races(started, roster(started))] == [True, False]
    assert "one is left out: its target is met at the start." in profile_card(started).verdict


def test_the_steps_are_drawn_for_everybody(tmp_path: Path) -> None:
    card = profile_card(study(tmp_path))
    assert card.figure is not None and hasattr(card.figure, "legend")
    assert steps("profile", {}, ()).wide
