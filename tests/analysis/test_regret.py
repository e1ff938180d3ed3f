"""Normalized regret and who takes part across tasks: constants, clipping, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_study import LR, Truth, small_study, write_study

from analysis.across import across
from analysis.cards.regret import regret_card
from analysis.confirm_grid import confirm_grid, full, good
from analysis.frames import Arena, Frames, load
from analysis.intervals import ALPHA, smallest_p
from analysis.regret import Scale, regrets
from analysis.roster import obstacle, roster
from flowadam.plan import Cell, Group
from flowadam.space import Space

NAMES = ("flowadam", "adam", "adamw")
SMALL = {name: Space((LR,)) for name in NAMES}
ONE = Arena("one", 200)


def slope(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
    return 0.3 + unit["opt.lr"]


def study(
    folder: Path, *, loss: Any = slope, keep: Any = lambda group: True, **changes: Any
) -> Frames:
    base = {"task": ("one", "two"), "optimizer": NAMES, "confirm_seeds": 4}
    truth = Truth(loss, spaces=SMALL)
    return load(write_study(folder, small_study(**{**base, **changes}), truth, keep=keep))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    return study(tmp_path_factory.mktemp("regret"))


def failed(frames: Frames, optimizer: str, **where: Any) -> Frames:
    """Let the confirm runs of an optimizer's winners on task one diverge."""
    trials = frames.trials.copy()
    rows = (
        (trials["phase"] == "confirm") & (trials["optimizer"] == optimizer) & (trials["config"] > 0)
    )
    for column, value in {"task": "one", **where}.items():
        rows &= trials[column] == value
    trials.loc[rows, "status"] = "diverged"
    return replace(frames, trials=trials)


def test_the_constants_are_the_lowest_confirm_run_and_the_median_of_adamw(frames: Frames) -> None:
    t = frames.trials
    tested = t.loc[(t["phase"] == "confirm") & (t["task"] == "one"), "test_best"]
    searched = t.loc[
        (t["phase"] == "search")
        & (t["optimizer"] == "adamw")
        & (t["task"] == "one")
        & (t["config"] > 0)
    ]
    scale = regrets(frames, roster(frames)).scales[0]
    assert scale.best == tested.min()
    median = sorted(searched["val_best"])[2]  # the lower one of six
    assert scale.gap == pytest.approx(0.01)  # of the synthetic study
    assert scale.reference == pytest.approx(median + 0.01)
    assert (scale.source, scale.n, scale.obstacle) == ("adamw", 6, "")


def test_without_adamw_everybody_sets_the_reference(tmp_path: Path) -> None:
    found = study(tmp_path, optimizer=("flowadam", "adam"))
    scale = regrets(found, roster(found)).scales[0]
    assert (scale.source, scale.n) == ("all optimizers", 12)
    assert "all optimizers, n = 12" in str(regret_card(found).table)


@pytest.mark.parametrize("offset", [-5.0, 5.0])
def test_a_test_part_that_is_harder_for_everybody_changes_no_regret(
    frames: Frames, offset: float
) -> None:
    """A validation median beside test metrics would leave the task out, or nobody any regret."""
    moved = replace(frames, trials=frames.trials.assign(test_best=frames.trials.test_best + offset))
    before, after = (regrets(f, roster(f)) for f in (frames, moved))
    assert len(after.tasks) == len(before.tasks) == 2
    for name in NAMES:
        assert after.means(name) == pytest.approx(before.means(name))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, 0.0),
        (2.0, 0.5),
        (3.0, 1.0),
        (9.0, 1.0),
        (0.0, 0.0),
        (math.inf, 1.0),
        (math.nan, math.nan),
    ],
)
def test_regret_is_clipped_and_failure_is_one(value: float, expected: float) -> None:
    scale = Scale(ONE, 1.0, 3.0, "adamw", 6)
    assert scale.regret(np.array([value])) == pytest.approx([expected], nan_ok=True)


@pytest.mark.parametrize(
    ("best", "reference", "told"),
    [(1.0, math.inf, "did not end well"), (1.0, 1.0, "no confirmed run is below"), (1.0, 2.0, "")],
)
def test_a_task_without_room_is_left_out(best: float, reference: float, told: str) -> None:
    assert told in Scale(ONE, best, reference, "adamw", 6).obstacle


def test_adding_a_rival_keeps_the_regret_of_the_others(frames: Frames) -> None:
    who = roster(frames)
    fewer = replace(who, family=("flowadam", "adamw"))
    for name in fewer.family:
        assert (regrets(frames, who).means(name) == regrets(frames, fewer).means(name)).all()


def test_a_diverged_run_counts_as_one_and_its_mean_is_infinite(frames: Frames) -> None:
    before, after = frames, failed(frames, "adam", seed=frames.trials["seed"].max())
    cell = Cell("one", "adam", 200)
    assert math.isfinite(confirm_grid(before, cell).mean)
    assert math.isinf(confirm_grid(after, cell).mean)
    values = regrets(after, roster(after)).values["adam"][0]
    assert values[-1] == 1.0
    assert (values[:-1] == regrets(before, roster(before)).values["adam"][0][:-1]).all()


def test_the_table_of_runs_tells_missing_from_failed(frames: Frames) -> None:
    cell = Cell("one", "adam", 200)
    seed = max(frames.trials["seed"].astype(int).tolist())
    winner = frames.elections[cell].elected[0]
    trials = failed(frames, "adam", seed=seed, config=winner).trials
    mine = (
        (trials["optimizer"] == "adam") & (trials["task"] == "one") & (trials["phase"] == "confirm")
    )
    gone = mine & (trials["seed"] == seed - 1) & (trials["config"] == winner)
    grid = confirm_grid(replace(frames, trials=trials.loc[~gone].reset_index(drop=True)), cell)
    assert grid.test.shape == (3, 4)
    assert np.isnan(grid.test[0]).tolist() == [False, False, True, False]
    assert np.isinf(grid.test[0]).tolist() == [False, False, False, True]
    assert (full(grid.test).shape, good(grid.test).shape) == ((3, 3), (3, 2))


def unconfirmed(group: Group) -> bool:
    return group.phase == "confirm" and group.cell.optimizer == "adam" and group.cell.task == "two"


def test_a_missing_cell_takes_its_optimizer_out_and_is_named(tmp_path: Path) -> None:
    found = study(tmp_path, keep=lambda g: not unconfirmed(g))
    who = roster(found)
    assert who.family == ("flowadam", "adamw")
    assert who.left_out == {"adam": "no confirmed result on two"}
    assert [arena.task for arena in who.arenas] == ["one", "two"]
    assert "adam is left out: no confirmed result on two." in regret_card(found).verdict


def test_effort_is_equal_even_where_a_search_was_cut_short(tmp_path: Path) -> None:
    def kept(g: Group) -> bool:
        return g.phase != "search" or g.cell.optimizer != "adamw" or g.config <= 4

    found = study(tmp_path, keep=kept)
    assert {election.trials for election in found.elections.values()} == {4}
    assert regrets(found, roster(found)).scales[0].n == 4


def test_controls_stand_beside_the_family(tmp_path: Path) -> None:
    found = study(tmp_path, control=("adam",))
    who = roster(found)
    assert (who.family, who.controls) == (("flowadam", "adamw"), ("adam",))
    assert who.optimizers == ("flowadam", "adamw", "adam")


def test_of_several_budgets_the_fullest_then_the_largest_counts(tmp_path: Path) -> None:
    base = {"task": ("one", "two"), "optimizer": NAMES, "confirm_seeds": 4}
    for budget in (200, 400):
        keep = (lambda g: not unconfirmed(g)) if budget == 400 else (lambda g: True)
        truth = Truth(slope, spaces=SMALL)
        write_study(tmp_path, small_study(**base, budget=budget), truth, keep=keep)
    file = tmp_path / "study.toml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("budget = 400\n", ""), encoding="utf-8"
    )
    found = load(tmp_path)
    assert len(found.arenas) == 4
    assert roster(found).arenas == (Arena("one", 400), Arena("two", 200))


@pytest.mark.parametrize("rivals", range(1, 10))
@pytest.mark.parametrize("tasks", range(1, 15))
def test_the_power_gate(tasks: int, rivals: int) -> None:
    possible = tasks >= 8 and smallest_p(tasks) <= ALPHA / rivals
    assert (obstacle(tasks, rivals) == "") is possible


def test_nothing_is_tested_on_too_few_tasks(frames: Frames) -> None:
    found = across(frames)
    assert "with 2 tasks the smallest two-sided p" in found.reason
    assert (found.omnibus, found.pairs, found.tests, found.practical) == (None, None, {}, {})
    assert found.iqm.keys() == {"flowadam", "adam", "adamw"}


def test_a_focus_without_results_is_named(tmp_path: Path) -> None:
    def kept(g: Group) -> bool:
        return g.phase == "search" or g.cell.optimizer != "flowadam"

    found = across(study(tmp_path, keep=kept))
    assert found.reason == "flowadam has no confirmed result on one, two"
    assert found.focus is None


def test_an_adaptive_search_is_said_beside_the_constants(tmp_path: Path) -> None:
    found = study(tmp_path, sampler="tpe")
    assert any("tpe is adaptive" in line for line in regret_card(found).verdict)
