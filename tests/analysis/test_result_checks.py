"""Health of the results: divergence rates, under-tuned containers, the gap, and where it stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import LR, Truth, small_study, write_study

from analysis.cards.health import health_card
from analysis.cards.verdict import verdict_card
from analysis.check import Check
from analysis.checks import run_checks
from analysis.confirmed import confirmed
from analysis.divergence import divergence
from analysis.frames import Frames, load
from analysis.gaps import Gap, gaps
from analysis.intervals import Estimate, exact_interval
from analysis.report import CARDS
from analysis.undertuned import under_tuned
from flowadam.plan import Cell
from flowadam.space import Space

SMALL = {"flowadam": Space((LR,)), "adam": Space((LR,))}


def inner(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """Lowest in the middle, so that no winner lies at an edge."""
    return 0.3 + (unit["opt.lr"] - 0.5) ** 2


def cliff(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    return math.inf if unit["opt.lr"] > 0.6 else inner(task, optimizer, unit)


def study(folder: Path, truth: Truth, **changes: Any) -> Frames:
    return load(write_study(folder, small_study(trials=12, **changes), truth))


def check(frames: Frames, name: str) -> Check:
    return next(c for c in run_checks(frames) if c.name == name)


def test_the_health_card_stands_before_any_ranking() -> None:
    assert CARDS[0] is health_card
    assert CARDS.index(health_card) < CARDS.index(verdict_card)


def test_a_healthy_page_is_one_sentence_and_keeps_the_findings(tmp_path: Path) -> None:
    card = health_card(study(tmp_path, Truth(inner, spaces=SMALL)))
    assert card.verdict == ("All 17 checks pass.",)
    assert card.table is None
    assert "Test readings: configurations whose test part was read: bowl 8." in card.caveat


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (9, 64, 0.066, 0.250), (1, 2, 0.0126, 0.9874)],
)
def test_exact_intervals_of_the_literature(k: int, n: int, low: float, high: float) -> None:
    assert exact_interval(k, n) == pytest.approx((low, high), abs=6e-4)


def test_divergence_is_counted_by_configuration(tmp_path: Path) -> None:
    frames = study(tmp_path, Truth(cliff, spaces=SMALL), seeds=2)
    rows = frames.trials.query("phase == 'search' and config > 0 and status == 'diverged'")
    for found in divergence(frames):
        mine = rows.loc[rows["optimizer"] == found.optimizer]
        assert (found.diverged, found.n) == (mine["config"].nunique(), 12)
        assert len(mine) == 2 * found.diverged
        assert (found.low, found.high) == exact_interval(found.diverged, 12)
        assert found.worst == ("bowl", found.diverged, 12)
    told = check(frames, "divergence in the search")
    assert told.fine
    assert "% [" in told.finding


def test_an_adaptive_search_has_no_divergence_interval(tmp_path: Path) -> None:
    frames = study(tmp_path, Truth(cliff, spaces=SMALL), sampler="tpe")
    assert {(found.low, found.high) for found in divergence(frames)} == {(None, None)}
    assert "% [" not in check(frames, "divergence in the search").finding


@pytest.mark.parametrize(("offset", "behind"), [(0.05, True), (0.005, False), (-0.05, False)])
def test_a_container_that_loses_is_under_tuned(tmp_path: Path, offset: float, behind: bool) -> None:
    spaces = {"flowadam": Truth().space("flowadam"), "adam": Truth().space("adam")}
    truth = Truth(lambda *_: 0.5, offset={"flowadam": offset}, spaces=spaces, run_sd=0.02)
    frames = load(write_study(tmp_path, small_study(), truth, inclusion=("flowadam", "adam")))
    found = under_tuned(frames, frames.arenas[0])
    if offset == 0.005:
        whole, part = confirmed(frames, frames.arenas[0])
        assert whole.test and part.test and whole.test.mean > part.test.mean
    assert [(u.container, u.contained, u.knobs) for u in found] == [
        ("flowadam", "adam", 4)
    ] * behind
    told = check(frames, "under-tuned")
    assert told.fine is not behind
    assert (
        "flowadam contains adam (4 knobs more) and is behind it on bowl" in told.finding
    ) is behind


@pytest.mark.parametrize(
    ("offset", "large"), [(0.0, False), (0.01, False), (0.1, True), (-1.0, False)]
)
def test_a_test_part_much_worse_than_validation_is_flagged(
    tmp_path: Path, offset: float, large: bool
) -> None:
    frames = study(tmp_path, Truth(inner, offset={"adam": offset}, spaces=SMALL))
    found = {g.cell.optimizer: g for g in gaps(frames, frames.arenas[0])}
    assert found["adam"].gap.mean == pytest.approx(0.01 + offset)
    assert found["adam"].large is large
    assert not found["flowadam"].large
    assert check(frames, "validation/test gap").fine is not large


@pytest.mark.parametrize(
    ("low", "scale", "large"), [(0.11, 1.0, True), (0.1, 1.0, False), (0.05, 1.0, False)]
)
def test_the_low_end_of_the_gap_decides(low: float, scale: float, large: bool) -> None:
    assert Gap(Cell("t", "o", 1), Estimate(0.2, low, 0.4, 5), scale).large is large
    assert not Gap(Cell("t", "o", 1), Estimate(0.2, None, None, 1), scale).large


def test_a_failed_confirm_run_is_left_out_of_the_gap(tmp_path: Path) -> None:
    frames = study(tmp_path, Truth(inner, spaces=SMALL))
    trials = frames.trials.copy()
    mine = (trials["phase"] == "confirm") & (trials["seed"] == trials["seed"].max())
    trials.loc[mine, "status"] = "diverged"
    sizes = {g.gap.n for g in gaps(replace(frames, trials=trials), frames.arenas[0])}
    assert sizes == {7}
