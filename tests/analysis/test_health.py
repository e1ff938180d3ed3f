"""Checks of equality and completeness: each fires on the fault it is for, and only there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import LR, SHARED, Truth, small_study, write_study

from analysis.checks import Check, run_checks
from analysis.frames import Frames, load
from analysis.health import cell_health, missing_cells
from flowadam.plan import Group
from flowadam.space import Choice, Float, Space


def checks(frames: Frames) -> dict[str, Check]:
    return {check.name: check for check in run_checks(frames)}


def inner(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    """Lowest in the middle of every axis, so that no winner of many lies at an edge."""
    return 0.3 + sum((u - 0.5) ** 2 for u in unit.values()) + 10 * (max(unit.values()) > 0.95)


def failing(frames: Frames) -> set[str]:
    return {name for name, check in checks(frames).items() if not check.fine}


SMALL = {"flowadam": Space((LR,)), "adam": Space((LR,))}


def healthy(folder: Path, **changes: Any) -> Frames:
    study = small_study(trials=12, **changes)
    return load(write_study(folder, study, Truth(inner, spaces=SMALL)))


def test_a_whole_equal_study_passes_every_check(tmp_path: Path) -> None:
    assert failing(healthy(tmp_path)) == set()


@pytest.mark.parametrize(
    ("keep", "expected", "told"),
    [
        (
            lambda g: not (g.phase == "search" and g.cell.optimizer == "adam" and g.config > 9),
            {"equal tuning effort"},
            "N = 9 of 12 planned configurations count in every cell; incomplete: adam on bowl (9)",
        ),
        (
            lambda g: g.cell.optimizer != "adam",
            {"missing cells"},
            "no run of adam on bowl.",
        ),
        (
            lambda g: not (g.phase == "confirm" and g.cell.optimizer == "adam" and g.config),
            {"confirm phase"},
            "24 confirm runs of winners not there yet.",
        ),
    ],
    ids=["deadline", "absent", "unconfirmed"],
)
def test_what_is_missing_is_named(tmp_path: Path, keep: Any, expected: set[str], told: str) -> None:
    study = small_study(trials=12)
    frames = load(write_study(tmp_path, study, Truth(inner, spaces=SMALL), keep=keep))
    assert failing(frames) == expected
    (name,) = expected
    assert told in checks(frames)[name].finding


@pytest.mark.parametrize(("overshoot", "fine"), [(0, True), (2, True), (3, False)])
def test_overshoot_is_told_as_a_share_of_the_budget(
    tmp_path: Path, overshoot: int, fine: bool
) -> None:
    truth = Truth(inner, overshoot=overshoot, spaces=SMALL)
    frames = load(write_study(tmp_path, small_study(), truth))
    assert checks(frames)["overshoot"].fine is fine
    assert cell_health(frames, next(iter(frames.elections))).overshoot == overshoot / 200


def test_runs_that_ended_early_are_told(tmp_path: Path) -> None:
    frames = load(write_study(tmp_path, small_study(), Truth(inner, overshoot=-20, spaces=SMALL)))
    assert not checks(frames)["equal gradient budget"].fine


def test_divergence_in_the_search_is_counted_without_alarm(tmp_path: Path) -> None:
    def cliff(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return math.inf if unit["opt.lr"] > 0.6 else inner(task, optimizer, unit)

    frames = load(write_study(tmp_path, small_study(trials=12), Truth(cliff, spaces=SMALL)))
    found = checks(frames)["failed runs"]
    diverged = sum(cell_health(frames, c).search.get("diverged", 0) for c in frames.elections)
    assert diverged > 0
    assert found.fine
    assert found.finding.startswith(f"{diverged} diverged of ")


@pytest.mark.parametrize("status", ["error", "timeout"])
def test_errors_and_timeouts_need_a_look(tmp_path: Path, status: str) -> None:
    frames = healthy(tmp_path)
    trials = frames.trials.copy()
    trials.loc[trials.index[3], ["status", "message"]] = [status, "the message"]
    found = checks(replace(frames, trials=trials))["failed runs"]
    assert not found.fine
    assert f"1 {status} of" in found.finding
    assert ("the message" in found.finding) is (status == "error")


def test_winners_that_fail_in_the_confirm_phase_need_a_look(tmp_path: Path) -> None:
    frames = healthy(tmp_path)
    (cell, *_) = frames.elections
    trials = frames.trials.copy()
    mine = (trials["phase"] == "confirm") & (trials["optimizer"] == cell.optimizer)
    trials.loc[mine & (trials["config"] == 0), "status"] = "diverged"
    assert "failed runs" not in failing(replace(frames, trials=trials))
    winner = frames.elections[cell].elected[0]
    trials.loc[mine & (trials["config"] == winner), "status"] = "diverged"
    broken = replace(frames, trials=trials)
    assert failing(broken) == {"failed runs"}
    assert "8 of them of winners in the confirm phase" in checks(broken)["failed runs"].finding


def test_substudies_without_a_winner_are_told(tmp_path: Path) -> None:
    def broken(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return math.inf if optimizer == "adam" else inner(task, optimizer, unit)

    frames = load(write_study(tmp_path, small_study(trials=12), Truth(broken, spaces=SMALL)))
    assert checks(frames)["sub-studies"].finding == "without a winner: adam on bowl (3)."
    assert "failed runs" not in failing(frames)


def test_a_winner_at_an_edge_is_named_with_its_knob(tmp_path: Path) -> None:
    def slope(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return 1 - unit["opt.lr"]

    study = small_study(optimizer=("adam",), trials=60, substudies=1)
    frames = load(write_study(tmp_path, study, Truth(slope, spaces=SMALL)))
    (edge,) = cell_health(frames, next(iter(frames.elections))).edges
    assert edge.knob == "opt.lr" and edge.unit > 0.95
    assert "opt.lr of adam on bowl" in checks(frames)["winners at an edge of the space"].finding


def test_a_choice_has_no_edge(tmp_path: Path) -> None:
    space = Space((Choice("opt.mode", tuple("abcdefghijklmnopqrstu"), "test"),))

    def first(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return 1 + unit["opt.mode"]

    study = small_study(optimizer=("adam",), trials=60, substudies=1)
    frames = load(write_study(tmp_path, study, Truth(first, spaces={"adam": space})))
    assert cell_health(frames, next(iter(frames.elections))).edges == ()


def test_a_shared_knob_with_another_range_is_told(tmp_path: Path) -> None:
    narrow = Space((Float("opt.lr", 1e-3, 1e-1, "test", log=True), *SHARED[1:]))
    truth = Truth(inner, spaces={"adam": narrow, "flowadam": Space(SHARED)})
    frames = load(write_study(tmp_path, small_study(), truth))
    found = checks(frames)["equal shared ranges"]
    assert not found.fine
    assert "opt.lr: flowadam 0.0001 to 0.1, log, adam 0.001 to 0.1, log" in found.finding
    assert "opt.beta1" not in found.finding


def test_an_adaptive_sampler_is_told(tmp_path: Path) -> None:
    frames = healthy(tmp_path, sampler="tpe")
    assert failing(frames) == {"sampler"}


def test_worse_than_trivial_is_told(tmp_path: Path) -> None:
    truth = Truth(inner, trivial=0.1, spaces=SMALL)
    frames = load(write_study(tmp_path, small_study(trials=12), truth))
    assert checks(frames)["trivial predictors"].finding == "worse: flowadam on bowl, adam on bowl."


def test_superseded_runs_and_test_readings_are_counted(tmp_path: Path) -> None:
    truth = Truth(inner, spaces=SMALL)
    write_study(tmp_path, small_study(trials=3), truth)
    write_study(tmp_path, small_study(trials=12), truth)
    found = checks(load(tmp_path))
    assert not found["superseded runs"].fine
    reads = sum(cell_health(load(tmp_path), cell).read for cell in load(tmp_path).elections)
    assert reads > 2 * 4
    assert found["test readings"].finding.endswith(f"read: bowl {reads}.")


def test_inclusion_rows_count_as_test_readings(tmp_path: Path) -> None:
    plain = load(write_study(tmp_path / "a", small_study()))
    more = load(write_study(tmp_path / "b", small_study(), inclusion=("flowadam", "adam")))
    flow = next(c for c in plain.elections if c.optimizer == "flowadam")
    assert cell_health(more, flow).read == cell_health(plain, flow).read + 1


def test_two_environments_need_a_look(tmp_path: Path) -> None:
    frames = healthy(tmp_path)
    (one,) = frames.environments
    other = replace(frames, environments=(one, {**one, "python": "3.99"}))
    assert failing(other) == {"environment"}


def test_missing_cells_are_those_without_any_search_run(tmp_path: Path) -> None:
    def keep(group: Group) -> bool:
        return (group.cell.task, group.cell.optimizer) != ("b", "adam")

    frames = load(write_study(tmp_path, small_study(task=("a", "b")), keep=keep))
    assert missing_cells(frames) == [("b", "adam")]
