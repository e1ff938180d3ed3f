"""Probes in a sweep: nothing is lost to a kill, and the rows are those of the sweep without."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import sweep_plugins
from sweep_tools import contents, fork, order, run_to_end, start

from flowadam.contract.quadratic import QuadraticTask
from flowadam.plan import Cell, Group
from flowadam.sampling import Configuration
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep import Catalog
from flowadam.sweep.job import Job
from trainables import group_trainable

PROBES = ["update_norm", "trace", "sharpness"]
SMALL: dict[str, Any] = {"task": ["a"], "trials": 2, "substudies": 1}
LOOSE = ("probe_evals", "probe_loss_evals", "probe_seconds", "probe_failures")


def readings(folder: Path) -> list[str]:
    """Return every reading as text, sorted."""
    return sorted(map(repr, Store(folder).probes().to_dict("records")))


def bare(folder: Path) -> list[Any]:
    """Return rows and curve points by key, without what probes cost."""
    rows, points = contents(folder)
    return [
        {key: {n: v for n, v in row.items() if n not in LOOSE} for key, row in rows.items()},
        points,
    ]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed sweep with probes: 6 searched and 8 confirmed runs of 11 marks."""
    folder = tmp_path_factory.mktemp("calm") / "study"
    run_to_end(order(folder, probe=PROBES, **SMALL))
    return folder


def test_every_trained_run_has_its_readings(calm: Path) -> None:
    store = Store(calm)
    trained = [row for row in store.rows() if row["phase"] != "trivial"]
    probes = store.probes()
    assert set(probes["key"]) == {row["key"] for row in trained}
    assert len(probes) == len(trained) * 11 * len(PROBES)
    assert not any(row["probe_failures"] for row in trained)
    for row in trained:
        assert row["probe_evals"] == probes.loc[probes["key"] == row["key"], "evals"].sum() > 0
    assert len(list((calm / "probes").glob("*.parquet"))) == 1


def test_the_rows_are_those_of_a_sweep_without(calm: Path, tmp_path: Path) -> None:
    run_to_end(order(tmp_path / "without", **SMALL))
    assert bare(tmp_path / "without") == bare(calm)
    assert not (tmp_path / "without" / "probes").exists()


def test_a_killed_sweep_goes_on_and_nothing_is_lost(calm: Path, tmp_path: Path) -> None:
    job = order(tmp_path / "wild", probe=PROBES, flush_runs=3, **SMALL)
    for groups in (2, 3, 4):
        with fork(job) as driver:
            assert driver.after_rows(groups)
            driver.kill()
    run_to_end(job)
    assert readings(tmp_path / "wild") == readings(calm)
    assert bare(tmp_path / "wild") == bare(calm)
    assert len(list((tmp_path / "wild" / "probes").glob("*"))) == 1


@pytest.mark.parametrize(("probe", "seconds"), [((), 150.0), (("trace",), 300.0)])
def test_the_watchdog_of_a_worker_waits_for_the_probes(
    probe: tuple[str, ...], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group may take 1.5 times its limit, and its probes as long as the run."""
    set_to: list[float] = []

    def run_group(*_: Any) -> list[Any]:
        set_to.append(signal.getitimer(signal.ITIMER_REAL)[0])
        return []

    monkeypatch.setattr(group_trainable, "run_group", run_group)
    cell = Cell("quadratic", "sgd", 10)
    worker: Any = object.__new__(group_trainable.GroupTrainable)
    worker._study = Study(("quadratic",), ("sgd",), time_limit=100.0, probe=probe)
    worker._catalog = Catalog({"quadratic": QuadraticTask()}, {"sgd": sweep_plugins.SPECS["sgd"]})
    job = Job(Group("search", cell, 0, (0,)), Configuration(0, {}, {}))
    worker._jobs, worker._next = [job], 0
    worker.step()
    assert set_to == [pytest.approx(seconds, abs=5)]


@pytest.mark.slow
def test_workers_of_a_cluster_read_the_same(calm: Path, tmp_path: Path) -> None:
    with start(order(tmp_path / "ray", probe=PROBES, engine="ray", **SMALL)) as driver:
        assert driver.finish() == 0, driver.lines
    assert readings(tmp_path / "ray") == readings(calm)
    assert bare(tmp_path / "ray") == bare(calm)
