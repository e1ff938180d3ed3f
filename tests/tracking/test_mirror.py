"""The MLflow mirror: idempotent, growing, healing, rebuilt from the store."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from study_folder import (
    QUIET,
    SMALL,
    cell,
    client_of,
    curve,
    dump,
    grown,
    parent,
    runs_of,
    write_study,
)

from flowadam.store import Store
from flowadam.tracking import Mirror
from flowadam.tracking.cell import CURVE
from flowadam.tracking.database import artifacts, database
from flowadam.winners import elections

pytestmark = QUIET


def test_it_holds_the_study_and_the_winner_of_every_cell(folder: Path) -> None:
    store = write_study(folder)
    assert Mirror(folder)(store) is None
    study, run = parent(folder), cell(folder)
    assert study.data.params.items() >= {"trials": "5", "seeds": "1", "substudies": "2"}.items()
    assert study.data.tags["flowadam.identity"] == SMALL.identity()
    assert study.data.tags["flowadam.version.torch"].startswith("2.")
    assert study.data.metrics == {"runs": 36.0, "runs_failed": 0.0, "runs_diverged": 2.0}
    assert run.data.tags["mlflow.parentRunId"] == study.info.run_id
    assert run.data.tags["flowadam.winner"] == "5"
    assert float(run.data.params["opt.lr"]) == pytest.approx(6e-4)
    assert {r.info.status for r in (study, run)} == {"FINISHED"}


def test_its_numbers_are_those_of_the_store(folder: Path) -> None:
    store = write_study(folder)
    Mirror(folder)(store)
    rows = store.trials()
    election = next(iter(elections(SMALL, store.rows()).values()))
    found = cell(folder).data.metrics
    lows = [min(election.scores[c] for c in range(1, n + 1)) for n in range(1, 6)]
    assert curve(folder) == list(enumerate(lows, 1))
    assert found["val"] == lows[-1]
    assert found["val_default"] == election.scores[0]
    mine = rows.loc[(rows["optimizer"] == "adam") & (rows["phase"] == "confirm")]
    tests = mine.loc[mine["config"] == 5, "test_best"]
    assert found["test_mean"] == pytest.approx(tests.mean(), rel=1e-12)
    half = 3.182446305284263 * tests.std() / 2  # Student's t with 3 degrees of freedom
    assert found["test_high"] - found["test_mean"] == pytest.approx(half, rel=1e-9)
    assert found["test_mean"] - found["test_low"] == pytest.approx(half, rel=1e-9)
    assert (found["test_n"], found["runs_ok"], found["runs_diverged"]) == (4, 17, 1)


def test_a_second_call_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = write_study(folder)
    mirror = Mirror(folder)
    assert mirror(store) is None
    before = dump(client_of(folder))
    writes = [name for name in dir(MlflowClient) if name.startswith(("log_", "set_", "create_"))]
    assert {"log_batch", "set_terminated", "create_run"} <= set(writes)
    for name in (*writes, "delete_run", "delete_experiment"):
        monkeypatch.setattr(MlflowClient, name, lambda *_, **__: pytest.fail("it wrote"))
    assert mirror(store) is None
    assert Mirror(folder)(store) is None
    assert dump(client_of(folder)) == before


def test_search_first_and_confirm_later_stay_one_run(folder: Path) -> None:
    mirror = Mirror(folder)
    mirror(write_study(folder, confirm=False))
    first = cell(folder)
    assert "test_mean" not in first.data.metrics
    mirror(write_study(folder))
    assert cell(folder).info.run_id == first.info.run_id
    assert cell(folder).data.metrics["test_n"] == 4
    assert "runs_ok" in first.data.metrics
    assert cell(folder).data.metrics["runs_ok"] > first.data.metrics["runs_ok"]


def test_growth_equals_a_mirror_of_the_grown_study(
    folder: Path, empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mirror = Mirror(folder)
    mirror(write_study(folder))
    larger = grown(trials=8, optimizer=("adam", "lion", "adamw"), seeds=2)
    assert mirror(write_study(folder, larger)) is None
    assert parent(folder).data.params["trials"] == "8"
    assert cell(folder).data.tags["flowadam.winner"] == "8"
    assert float(cell(folder).data.params["opt.lr"]) == pytest.approx(9e-4)
    assert len(curve(folder)) == 8
    fresh = tmp_path_factory.mktemp("fresh")
    for name in ("study.toml", "ledger.jsonl"):
        shutil.copy(folder / name, fresh / name)
    for name in ("trials", "curves"):
        shutil.copytree(folder / name, fresh / name)
    shutil.copy(empty_database, database(fresh))
    assert Mirror(fresh)(Store(fresh)) is None
    grown_once, grown_twice = dump(client_of(fresh)), dump(client_of(folder))
    assert _last(grown_once) == _last(grown_twice)


def _last(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out the history of plain numbers, which shows how they grew."""
    return {
        key: (status, params, metrics, history.get(CURVE), tags, files)
        for key, (status, params, metrics, history, tags, files) in content.items()
    }


def test_deleting_the_database_and_mirroring_again_gives_the_same(folder: Path) -> None:
    store = write_study(folder)
    (folder / "report.html").write_text("<p>report</p>")
    mirror = Mirror(folder)
    mirror(store)
    mirror.log_report(folder / "report.html")
    before = dump(client_of(folder))
    database(folder).unlink()
    shutil.rmtree(artifacts(folder))
    assert mirror(store) is None
    assert dump(client_of(folder)) == before
    assert not list(folder.glob(".mlflow*"))


def test_no_number_is_infinite_or_nan(folder: Path) -> None:
    """Configuration 1 of 1 diverges: no winner, no curve, and counts instead of infinities."""
    study = replace(SMALL, trials=2, substudies=2)
    Mirror(folder)(write_study(folder, study))
    for run in runs_of(client_of(folder)):
        assert all(abs(value) < 1e300 for value in run.data.metrics.values())
        assert not any(math.isnan(value) for value in run.data.metrics.values())
    assert cell(folder).data.metrics["runs_diverged"] == 1
    assert cell(folder).data.tags["flowadam.winner"] == "1"


def test_every_configuration_diverged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study_folder.DIVERGED", 1)
    Mirror(folder)(write_study(folder, replace(SMALL, trials=1)))
    run = cell(folder)
    assert run.data.tags["flowadam.winner"] == "none"
    assert run.data.params == {}
    assert {"val", "test_mean", CURVE}.isdisjoint(run.data.metrics)
    assert run.data.metrics["runs_diverged"] == 1
