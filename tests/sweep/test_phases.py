"""Studies of all phases and of several budgets, run in this process."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sweep_plugins import catalog
from sweep_tools import study

from flowadam.errors import InputError
from flowadam.study import make_study
from flowadam.study_rules import PHASES
from flowadam.sweep import LocalEngine, Stop, SweepResult, grown_study, open_store, sweep

ALL = {"phase": PHASES, "trials": 3, "confirm_seeds": 3, "trajectories": 2, "repeats": 2}


class Nobody:
    """An observer that does not look."""

    def phase(self, name: str, total: int, done: int) -> None: ...
    def rows(self, rows: list[Any]) -> None: ...


def run(folder: Path, **keys: Any) -> tuple[SweepResult, pd.DataFrame]:
    """Run a study to its end and return the result and its rows."""
    grown = grown_study(folder, make_study(study(**keys)))
    known = catalog(dict.fromkeys(grown.task, 0.0), list(grown.optimizer))
    store = open_store(folder, grown, known)
    quiet = {"observer": Nobody(), "stop": Stop(None), "mirror": lambda store: None}
    try:
        result = sweep(grown, known, store, LocalEngine(), **quiet)
        return result, store.trials()
    finally:
        store.close()


def test_every_phase_leaves_its_rows_and_a_second_sweep_none(tmp_path: Path) -> None:
    result, rows = run(tmp_path / "s", **ALL)
    assert (result.left, result.failed) == (0, 0)
    # sgd has 2 parameters and momentum 3, so their trajectories have 3 and 4 points.
    expected = {
        "search": 4 * 4,
        "sensitivity": 2 * 2 * (3 + 4),
        "timing": 4 * 2,
        "confirm": 4 * 4 * 3,
    }
    found = Counter(rows["phase"])
    assert {name: found[name] for name in expected} == expected
    assert not rows.loc[rows["phase"].isin(["search", "sensitivity", "timing"]), "test_best"].any()
    again = run(tmp_path / "s", **ALL)[1]
    assert list(again["key"]) == list(rows["key"])


def test_a_trajectory_changes_one_coordinate_at_a_time_and_designs_grow(tmp_path: Path) -> None:
    rows = run(tmp_path / "s", **ALL)[1]
    more = run(tmp_path / "s", **ALL | {"trajectories": 3})[1]
    assert set(rows["key"]) < set(more["key"])
    mine = more.query("phase == 'sensitivity' and optimizer == 'momentum' and task == 'a'")
    units = mine.sort_values("config")[["u.opt.lr", "u.opt.beta", "u.task.penalty"]].to_numpy()
    assert np.isin(np.round(units * 3, 9), [0, 1, 2, 3]).all()
    for trajectory in units.reshape(3, 4, 3):
        moved = ~np.isclose(np.diff(trajectory, axis=0), 0)
        assert sorted(moved.argmax(axis=1)) == [0, 1, 2]
        assert (moved.sum(axis=1) == 1).all()


def test_the_timed_configuration_is_the_best_winner_run_alone(tmp_path: Path) -> None:
    rows = run(tmp_path / "s", **ALL)[1]
    searched = rows.query("phase == 'search' and config > 0")
    best = searched.loc[searched.groupby(["task", "optimizer"])["val_best"].idxmin()]
    timed = rows.query("phase == 'timing'")
    names = ["task", "optimizer", "config"]
    assert set(map(tuple, best[names].to_numpy())) == set(map(tuple, timed[names].to_numpy()))
    assert set(Counter(map(tuple, timed[names].to_numpy())).values()) == {2}


def test_budgets_by_task_are_cells_of_their_own(tmp_path: Path) -> None:
    """With search, confirm and winners of each; other tasks keep their own budget, 10 here."""
    rows = run(tmp_path / "s", budget={"a": [4, 8]}, trials=2)[1]
    ran = rows.loc[rows["phase"] != "trivial"]
    assert set(ran.loc[ran["task"] == "a", "budget"]) == {4, 8}
    assert set(ran.loc[ran["task"] == "b", "budget"]) == {10}
    confirmed = ran.query("phase == 'confirm'").groupby(["task", "budget", "optimizer"]).size()
    assert set(confirmed) == {3 * 2}
    points = ran.query("phase == 'search' and task == 'a'").groupby(["optimizer", "config"])
    assert set(points["u.opt.lr"].nunique()) == {1}, "Budgets share their points."


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"phase": ["confirm"]}, "`phase` must hold 'search', got \\['confirm'\\]"),
        ({"phase": ["search", "timing"]}, "`phase` must hold 'confirm'"),
        ({"phase": ["search", "serch"]}, "Unknown phase 'serch'. Did you mean 'search'"),
        ({"budget": {"c": 4}}, "Unknown task of `budget` 'c'"),
        ({"budget": [4, 4]}, "`budget` names each number once, got \\[4, 4\\]"),
        ({"budget": {"a": 0}}, "`budget` must be at least 1, got 0"),
        ({"budget": [4.5]}, "`budget` must be of type int, got 4.5"),
        ({"schedule": "cosin"}, "Unknown schedule 'cosin'. Did you mean 'cosine'"),
        ({"warmup": 1.0}, "`warmup` must be a share in \\[0, 1\\), got 1.0"),
        ({"control": ["adam"]}, "Unknown control 'adam'"),
        ({"sensitive": ["sdg"]}, "Unknown sensitive 'sdg'. Did you mean 'sgd'"),
        ({"trajectories": 0}, "`trajectories` must be at least 1, got 0"),
    ],
)
def test_what_a_study_refuses(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        make_study(study(**keys))
