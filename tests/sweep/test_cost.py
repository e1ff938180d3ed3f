"""The driver's work per group does not grow with the number of groups."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from instant_engine import Instant
from sweep_driver import Talker
from sweep_plugins import catalog
from sweep_tools import study

from flowadam import store as store_module
from flowadam.study import make_study
from flowadam.sweep import Stop, open_store, sweep


def calls(folder: Path, trials: int) -> int:
    """Return how many function calls a sweep of so many trials takes: a clock without noise."""
    wanted = make_study(study(trials=trials, task=["a"], optimizer=["sgd"]))
    plugins = catalog({"a": 0.0}, ["sgd"])
    store = open_store(folder, wanted, plugins)
    count = 0

    def tick(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tick)
    try:
        sweep(
            wanted,
            plugins,
            store,
            Instant(),
            observer=Talker(),
            stop=Stop(),
            mirror=lambda store: None,
        )
    finally:
        sys.setprofile(None)
        store.close()
    return count


def test_four_times_the_groups_take_four_times_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "FLUSH_RUNS", 40)
    calls(tmp_path / "first", 10)  # pays for imports
    small, large = calls(tmp_path / "small", 200), calls(tmp_path / "large", 800)
    assert small > 200 * 100
    assert large < 4.4 * small
