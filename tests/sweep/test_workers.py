"""What workers may do to a sweep: die, hang, raise, diverge."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sweep_plugins
from sweep_driver import TRAINABLE, SearchOnRay, Talker
from sweep_tools import contents, environment, eventually, study, workers_of

from flowadam.errors import FlowAdamError
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

STATUS = {
    "die": "error",
    "leave": "error",
    "sleep_forever": "timeout",
    "compute_forever": "timeout",
    "fail": "error",
    "exploding": "diverged",
}
MESSAGE = {
    "die": "The worker died 3 times while it ran this group: ",
    "leave": "The worker died 3 times while it ran this group: ",
    "sleep_forever": "The group hung beyond 1.5 x 4 s.",
    "compute_forever": "The group hung beyond 1.5 x 4 s.",
    "fail": "ValueError: no ? way \N{SNOWMAN}",
    "exploding": "The loss or the validation metric left the finite range.",
}


@pytest.fixture(scope="module")
def ray() -> Iterator[RayEngine]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        with RayEngine(TRAINABLE, workers=2) as engine:
            yield engine


def run(folder: Path, engine: Engine, seconds: float = 0.0, **keys: Any) -> SweepResult:
    wanted = grown_study(folder, make_study(study(**keys)))
    catalog = sweep_plugins.catalog(dict.fromkeys(wanted.task, seconds), list(wanted.optimizer))
    store = open_store(folder, wanted, catalog)
    try:
        return sweep(
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


def kill_workers(count: int, killed: list[int]) -> None:
    """Kill `count` workers, one after the other, each in the middle of its work."""
    for _ in range(count):
        worker = eventually(
            lambda: next((w for w in workers_of(os.getpid()) if w.pid not in killed), None)
        )
        time.sleep(0.3)
        worker.kill()
        killed.append(worker.pid)


def test_killed_workers_cost_nothing_and_both_engines_agree(tmp_path: Path, ray: RayEngine) -> None:
    keys = {"task": ["a"], "optimizer": ["sgd", "fail", "exploding"], "seeds": 2}
    run(tmp_path / "local", LocalEngine(), **keys)
    killed: list[int] = []
    killer = threading.Thread(target=kill_workers, args=(2, killed))
    killer.start()
    result = run(tmp_path / "ray", SearchOnRay(ray), seconds=0.05, **keys)
    killer.join()
    assert len(killed) == 2
    assert result.left == 0
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


@pytest.mark.parametrize(
    "kinds",
    [
        ["die", "compute_forever", "fail", "exploding"],
        pytest.param(["leave", "sleep_forever"], marks=pytest.mark.slow),
    ],
)
def test_a_sweep_survives_what_optimizers_do(
    tmp_path: Path, ray: RayEngine, kinds: list[str]
) -> None:
    result = run(
        tmp_path,
        SearchOnRay(ray),
        task=["a"],
        optimizer=kinds,
        trials=2,
        seed=132,  # one configuration of each optimizer gets into trouble
        confirm_seeds=1,
        substudies=1,
        time_limit=4.0,
    )
    ends: dict[str, set[str]] = defaultdict(set)
    says: dict[str, set[str]] = defaultdict(set)
    for row in Store(tmp_path).rows():
        ended = row["phase"] == "trivial" or not row["p.opt.trouble"]
        ends["well" if ended else row["optimizer"]].add(row["status"])
        says["well" if ended else row["optimizer"]].add(row["message"])
    assert ends.pop("well") == {"ok"}
    says.pop("well")
    assert ends == {kind: {STATUS[kind]} for kind in kinds}
    for kind, texts in says.items():
        assert all(text.startswith(MESSAGE[kind]) for text in texts)
    assert result.left == 0
    assert result.failed == sum(STATUS[kind] in ("error", "timeout") for kind in kinds)


def test_workers_with_other_sources_stop_the_sweep_and_leave_no_row(
    tmp_path: Path, ray: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowadam.sweep.ray_tuner.source_hash", lambda: "another")
    with pytest.raises(FlowAdamError, match=r"not the driver's \(another\): install the same"):
        run(tmp_path, ray)
    assert Store(tmp_path).rows() == []
