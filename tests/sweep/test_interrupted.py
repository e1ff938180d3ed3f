"""Ctrl-C, as a terminal sends it: to the driver and to every process of its group."""

from __future__ import annotations

import time
from pathlib import Path

from sweep_tools import (
    contents,
    eventually,
    order,
    ray_folders,
    ray_processes,
    run_to_end,
    start,
    workers_of,
)

KEYS = {"trials": 20, "workers": 2}


def test_ctrl_c_once_twice_and_the_same_command_again(tmp_path: Path) -> None:
    slow = order(tmp_path / "stopped", engine="ray", seconds=0.05, **KEYS)
    with start(slow) as driver:
        assert driver.after_rows(3)
        driver.interrupt()
        before = len(driver.said("rows"))
        assert driver.finish() == 1
        assert len(driver.said("rows")) - before <= 2 * KEYS["workers"]
        assert "interrupted=True" in driver.said("result")[0]
        assert "left=0" not in driver.said("result")[0]
        assert not driver.said("phase confirm")
        assert not ray_processes(driver.pid)
        assert not ray_folders(driver.pid)
    kept = contents(tmp_path / "stopped")[0]

    with start({**slow, "tasks": {"a": 100.0, "b": 100.0}}) as driver:
        assert driver.until(lambda lines: any(x.startswith("phase") for x in lines))
        eventually(lambda: workers_of(driver.pid))
        driver.interrupt()
        time.sleep(1.0)  # two signals at once are one
        driver.interrupt()
        assert driver.finish() == 1
        assert driver.said("failed: KeyboardInterrupt")
        eventually(lambda: not ray_processes(driver.pid))
        assert not ray_folders(driver.pid)
    assert contents(tmp_path / "stopped")[0] == kept

    run_to_end(order(tmp_path / "stopped", **KEYS))
    run_to_end(order(tmp_path / "calm", **KEYS))
    assert contents(tmp_path / "stopped") == contents(tmp_path / "calm")
