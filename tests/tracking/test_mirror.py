"""The MLflow mirror: idempotent, growing, healing, rebuilt from the store."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from study_folder import QUIET, SMALL, client_of, dump, grown, runs_of, write_study

from flowadam.store import Store
from flowadam.tracking import Mirror
from flowadam.tracking.cell import CURVE
from flowadam.tracking.database import artifacts, database
from flowadam.winners import elections

pytestmark = QUIET


def cell(folder: Path, optimizer: str = "adam") -> Run:
    """Return the only active run of an optimizer."""
    runs = runs_of(client_of(folder))
    (found,) = [run for run in runs if run.data.tags.get("flowadam.optimizer") == optimizer]
    return found


def parent(folder: Path) -> Run:
    (found,) = [r for r in runs_of(client_of(folder)) if r.data.tags["flowadam.kind"] == "study"]
    return found


def curve_of(client: MlflowClient, run: Run) -> list[tuple[int, float]]:
    history = client.get_metric_history(run.info.run_id, CURVE)
    return sorted((point.step, point.value) for point in history)


def curve(folder: Path) -> list[tuple[int, float]]:
    return curve_of(client_of(folder), cell(folder))


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
    folder: Path, tmp_path_factory: pytest.TempPathFactory
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
    shutil.copy(folder / "mlflow.db", fresh / "mlflow.db")
    database(fresh).unlink()
    store = write_study(fresh, larger)
    assert Mirror(fresh)(store) is None
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
