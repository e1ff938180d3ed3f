"""What workers may do to a sweep: die, hang, raise, diverge."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sweep_plugins
from sweep_driver import TRAINABLE, Talker
from sweep_tools import contents, environment, eventually, study, workers_of

from flowadam.rows import Row
from flowadam.store import Store
from flowadam.study import make_study
from flowadam.sweep import (
    Engine,
    LocalEngine,
    RayEngine,
    Stop,
    SweepResult,
    grown_study,
    open_store,
    sweep,
)

Ran = tuple[SweepResult, list[Row]]


@pytest.fixture(scope="module")
def ray() -> Iterator[RayEngine]:
    before = dict(os.environ)
    os.environ.update(environment())
    with RayEngine(TRAINABLE, workers=2) as engine:
        yield engine
    os.environ.clear()
    os.environ.update(before)


def run(folder: Path, engine: Engine, seconds: float = 0.0, **keys: Any) -> Ran:
    wanted = grown_study(folder, make_study(study(**keys)))
    catalog = sweep_plugins.catalog(dict.fromkeys(wanted.task, seconds), list(wanted.optimizer))
    store = open_store(folder, wanted, catalog)
    try:
        result = sweep(
            wanted,
            catalog,
            store,
            engine,
            observer=Talker(),
            stop=Stop(),
            mirror=lambda store: None,
        )
    finally:
        store.close()
    return result, Store(folder).rows()


def troubled(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows of configurations that get into trouble, and all others."""
    bad = [row for row in rows if row.get("p.opt.trouble") == 1.0]
    return bad, [row for row in rows if row.get("p.opt.trouble") != 1.0]


def test_ray_and_the_local_engine_give_the_same_rows(tmp_path: Path, ray: RayEngine) -> None:
    keys = {"optimizer": ["sgd", "momentum", "fail", "exploding"], "seeds": 2}
    run(tmp_path / "local", LocalEngine(), **keys)
    run(tmp_path / "ray", ray, **keys)
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


def test_an_optimizer_that_raises_or_diverges(tmp_path: Path) -> None:
    result, rows = run(tmp_path, LocalEngine(), optimizer=["fail", "exploding"], trials=8)
    bad, good = troubled(rows)
    raised = [row for row in bad if row["optimizer"] == "fail"]
    diverged = [row for row in bad if row["optimizer"] == "exploding"]
    assert raised
    assert {row["status"] for row in raised} == {"error"}
    assert all("ValueError: no ? way \N{SNOWMAN}" in row["message"] for row in raised)
    assert diverged
    assert {row["status"] for row in diverged} == {"diverged"}
    assert {row["status"] for row in good} == {"ok"}
    assert (result.left, result.failed) == (0, len(raised))


def test_a_killed_worker_costs_nothing(tmp_path: Path, ray: RayEngine) -> None:
    keys = {"task": ["a"], "trials": 12}
    run(tmp_path / "calm", LocalEngine(), **keys)
    killed: list[int] = []

    def kill_two() -> None:
        for _ in range(2):
            worker = eventually(lambda: [w for w in workers_of(os.getpid()) if w.pid not in killed])
            threading.Event().wait(0.3)
            worker[0].kill()
            killed.append(worker[0].pid)

    killer = threading.Thread(target=kill_two)
    killer.start()
    result, _ = run(tmp_path / "wild", ray, seconds=0.03, **keys)
    killer.join()
    assert len(killed) == 2
    assert (result.left, result.failed) == (0, 0)
    assert contents(tmp_path / "wild") == contents(tmp_path / "calm")


@pytest.mark.parametrize("kind", ["die", "leave"])
def test_a_group_that_kills_its_worker_three_times(
    tmp_path: Path, ray: RayEngine, kind: str
) -> None:
    result, rows = run(tmp_path, ray, task=["a"], optimizer=[kind], trials=3)
    bad, good = troubled(rows)
    assert len(bad) >= 1
    assert {row["status"] for row in bad} == {"error"}
    assert all("died 3 times" in row["message"] for row in bad)
    assert {row["status"] for row in good} == {"ok"}
    assert (result.left, result.failed) == (0, len(bad))


@pytest.mark.parametrize("kind", ["sleep_forever", "compute_forever"])
def test_a_group_that_hangs(tmp_path: Path, ray: RayEngine, kind: str) -> None:
    result, rows = run(tmp_path, ray, task=["a"], optimizer=[kind], trials=3, time_limit=1.0)
    bad, good = troubled(rows)
    assert len(bad) >= 1
    assert {row["status"] for row in bad} == {"timeout"}
    assert all("hung beyond 1.5 x 1 s" in row["message"] for row in bad)
    assert {row["status"] for row in good} == {"ok"}
    assert (result.left, result.failed) == (0, len(bad))


def test_no_worker_is_left_hanging(ray: RayEngine) -> None:
    """After all that, no process computes on."""
    eventually(lambda: not any(p.cpu_percent(0.2) > 50 for p in workers_of(os.getpid())))
    assert psutil.Process().is_running()
