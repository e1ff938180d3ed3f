"""The mirror puts right what a crash, a user or a move left, and takes any name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from study_folder import (
    QUIET,
    SMALL,
    cell,
    client_of,
    curve,
    curve_of,
    dump,
    parent,
    runs_of,
    write_study,
)

from flowadam.store import Store
from flowadam.tracking import Mirror
from flowadam.tracking.cell import CURVE
from flowadam.tracking.database import database

pytestmark = QUIET
WRITES = ("create_experiment", "create_run", "log_batch", "set_terminated", "log_artifact")


@pytest.mark.parametrize("call", range(11))
def test_after_an_end_before_any_write_the_next_call_heals(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    store = write_study(folder)
    calls = iter(range(100))

    def dying(method: Any) -> Any:
        def write(*args: Any, **kwargs: Any) -> Any:
            if next(calls) == call:
                raise ConnectionError("ended")
            return method(*args, **kwargs)

        return write

    with monkeypatch.context() as patch:
        for name in WRITES:
            patch.setattr(MlflowClient, name, dying(getattr(MlflowClient, name)))
        warning = Mirror(folder)(store)
    assert warning is not None and "ConnectionError: ended" in warning
    assert Mirror(folder)(store) is None
    content = dump(client_of(folder))
    assert len(content) == 3
    assert {status for status, *_ in content.values()} == {"FINISHED"}
    assert curve(folder)[-1] == (5, cell(folder).data.metrics["val"])


def test_a_half_logged_run_is_completed(folder: Path) -> None:
    store = write_study(folder)
    mirror = Mirror(folder)
    mirror(store)
    before = dump(client_of(folder))
    client, run = client_of(folder), cell(folder)
    client.delete_run(run.info.run_id)
    tags = {name: run.data.tags[name] for name in ("flowadam.study", "flowadam.key")}
    half = client.create_run(run.info.experiment_id, tags=tags, run_name=run.info.run_name)
    params = [Param("opt.lr", run.data.params["opt.lr"])]
    metrics = [Metric(CURVE, value, 0, step) for step, value in curve_of(client, run)[:2]]
    client.log_batch(half.info.run_id, metrics=metrics, params=params)
    assert mirror(store) is None
    assert cell(folder).info.run_id == half.info.run_id
    assert dump(client) == before


def test_doubled_and_foreign_runs(folder: Path) -> None:
    store = write_study(folder)
    mirror = Mirror(folder)
    mirror(store)
    before = dump(client_of(folder))
    client, run = client_of(folder), cell(folder)
    experiment = run.info.experiment_id
    tags = {name: run.data.tags[name] for name in ("flowadam.study", "flowadam.key")}
    doubled = client.create_run(experiment, tags=tags)
    client.log_batch(doubled.info.run_id, metrics=[Metric(CURVE, 77.0, 0, 1)])
    orphan = client.create_run(experiment, tags={**tags, "flowadam.key": "gone"})
    foreign = client.create_run(experiment, tags={"mine": "yes"})
    assert mirror(store) is None
    assert client.get_run(doubled.info.run_id).info.lifecycle_stage == "deleted"
    assert client.get_run(orphan.info.run_id).info.status == "KILLED"
    assert client.get_run(foreign.info.run_id).info.status == "RUNNING"
    client.delete_run(foreign.info.run_id)
    client.delete_run(orphan.info.run_id)
    assert dump(client) == before


def test_a_run_whose_curve_changed_is_replaced(folder: Path) -> None:
    store = write_study(folder)
    mirror = Mirror(folder)
    mirror(store)
    old = cell(folder)
    client_of(folder).log_batch(old.info.run_id, metrics=[Metric(CURVE, 9.0, 1, 2)])
    assert mirror(store) is None
    assert cell(folder).info.run_id != old.info.run_id
    assert [step for step, _ in curve(folder)] == [1, 2, 3, 4, 5]


def test_an_experiment_in_the_bin_comes_back(folder: Path) -> None:
    store = write_study(folder)
    mirror = Mirror(folder)
    mirror(store)
    before = dump(client_of(folder))
    client_of(folder).delete_experiment(parent(folder).info.experiment_id)
    assert mirror(store) is None
    assert dump(client_of(folder)) == before


def test_after_a_move_the_artifacts_lie_in_the_new_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """MLflow stores absolute paths; the study gets a new experiment, the old one is binned."""
    Mirror(folder)(write_study(folder))
    (folder / "report.html").write_text("<p>report</p>")
    Mirror(folder).log_report(folder / "report.html")
    before = dump(client_of(folder))
    moved = tmp_path_factory.mktemp("moved") / "here"
    shutil.move(folder, moved)
    mirror = Mirror(moved)
    assert mirror(Store(moved)) is None
    assert dump(client_of(moved)) == before
    assert str(parent(moved).info.artifact_uri).startswith(moved.as_uri())
    experiments = client_of(moved).search_experiments()
    assert sorted(e.name for e in experiments) == ["Default", "study"]
    assert mirror.log_report(moved / "report.html") is None
    assert not folder.exists()


def test_studies_of_one_name_keep_apart_on_one_server(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    uri = f"sqlite:///{database(folder)}"
    other = tmp_path_factory.mktemp("other")
    stores = [write_study(folder), write_study(other, replace(SMALL, seed=1))]
    for _ in range(2):
        for store in stores:
            assert Mirror(store.folder, uri)(store) is None
    names = {e.name for e in client_of(folder).search_experiments() if e.name != "Default"}
    assert names == {"study", "study [2]"}
    assert len(runs_of(client_of(folder))) == 6


NAMES = [
    "<script>alert(1)</script>",
    "a/b/../c",
    "größe 数 🙂",
    "x" * 300,
    "",
    " ",
    'it\'s "q"; --',
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(folder: Path, name: str) -> None:
    store = write_study(folder, replace(SMALL, name=name), confirm=False)
    assert Mirror(folder)(store) is None
    assert Mirror(folder)(store) is None
    assert len(dump(client_of(folder))) == 3
    (experiment,) = [e for e in client_of(folder).search_experiments() if e.name != "Default"]
    assert experiment.name[:199] == (name or "study")[:199]
    assert not list(folder.parent.glob("c"))


@pytest.mark.parametrize("name", ["a b", "größe", "a#b;c", "x" * 200])
def test_odd_folders(tmp_path: Path, empty_database: Path, name: str) -> None:
    folder = tmp_path / name
    store = write_study(folder, confirm=False)
    shutil.copy(empty_database, database(folder))
    (folder / "report.html").write_text("<p>report</p>")
    mirror = Mirror(folder)
    assert mirror(store) is None
    assert mirror.log_report(folder / "report.html") is None
    files = client_of(folder).list_artifacts(parent(folder).info.run_id)
    assert [file.path for file in files] == ["report.html", "study.toml"]
    assert [path.name for path in tmp_path.iterdir()] == [name]
