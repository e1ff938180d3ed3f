"""A study whose container contains two of the others, both won by the same configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import search_spaces
import trainables
from analysis.baselines import inclusions
from analysis.frames import load
from analysis.health import cell_health
from flowadam.cli import main
from flowadam.study import Study
from flowadam.sweep import (
    Catalog,
    LocalEngine,
    Stop,
    SweepResult,
    grown_study,
    open_store,
    sweep,
)

STUDY = Study(
    ("matrix_completion_small",),
    ("adam", "adamw", "dualadam"),
    trials=1,
    budget=5,
    confirm_seeds=2,
)


class Quiet:
    """An observer that says nothing."""

    def phase(self, name: str, total: int, done: int) -> None: ...
    def rows(self, rows: list[Any]) -> None: ...


def run(folder: Path) -> SweepResult:
    """Run what the folder lacks, in this process and without a mirror."""
    catalog = Catalog(
        {name: trainables.get(name) for name in STUDY.task},
        {name: search_spaces.get(name) for name in STUDY.optimizer},
    )
    store, stop = open_store(folder, grown_study(folder, STUDY), catalog), Stop(None)
    try:
        return sweep(
            STUDY,
            catalog,
            store,
            LocalEngine(),
            observer=Quiet(),
            stop=stop,
            mirror=lambda _: None,
        )
    finally:
        store.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inclusions")
    assert (run(path).left, run(path).failed) == (0, 0)
    return path


def test_both_contained_optimizers_have_rows_of_their_own(folder: Path) -> None:
    """With one configuration each, all winners have the number 1."""
    trials = pd.read_parquet(folder / "trials")
    rows = trials.loc[trials["phase"] == "inclusion"]
    assert len(rows) == 4 and set(rows["config"]) == {1}
    assert rows["key"].is_unique
    assert sorted(rows["contained"].fillna("")) == ["", "", "adamw", "adamw"]


def test_they_are_what_they_contain(folder: Path) -> None:
    trials = pd.read_parquet(folder / "trials")
    trials["contained"] = trials["contained"].fillna("adam")
    for name in ("adam", "adamw"):
        inside = trials.loc[(trials["phase"] == "inclusion") & (trials["contained"] == name)]
        outside = trials.loc[(trials["phase"] == "confirm") & (trials["optimizer"] == name)]
        outside = outside.loc[outside["config"] == 1]
        ours, theirs = (rows.set_index("seed")["test_best"] for rows in (inside, outside))
        assert ours.to_dict() == theirs.to_dict() and len(ours) == 2


def test_the_report_tells_both_apart(folder: Path) -> None:
    frames = load(folder)
    found = inclusions(frames, frames.arenas[0])
    assert [(i.container, i.other, i.config, i.failed) for i in found] == [
        ("dualadam", "adam", 1, 0),
        ("dualadam", "adamw", 1, 0),
    ]
    assert all(i.test is not None and i.test.n == 2 for i in found)
    (dual,) = (cell for cell in frames.elections if cell.optimizer == "dualadam")
    assert cell_health(frames, dual).read == 4, "default, winner and both contained ones"


def test_replay_finds_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials = pd.read_parquet(folder / "trials")
    for key in trials.loc[trials["phase"] == "inclusion", "key"]:
        with pytest.raises(SystemExit) as end:
            main(["replay", str(folder), key])
        assert not end.value.code
        assert "bit for bit" in capsys.readouterr().out


def test_nothing_is_missing_afterwards(folder: Path) -> None:
    before = (folder / "ledger.jsonl").read_bytes()
    assert run(folder).left == 0
    assert (folder / "ledger.jsonl").read_bytes() == before
