"""A crash between any two durable steps of a sweep costs nothing but the group in flight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweep_tools import contents, fork, order, raw_keys, run_to_end


def check_crashes(tmp_path: Path, sampler: str, every: int) -> None:
    keys: dict[str, Any] = {
        "task": ["a"],
        "trials": 3,
        "substudies": 1,
        "sampler": sampler,
        "flush_runs": 3,
    }
    steps = len(run_to_end(order(tmp_path / "calm", **keys)).said("step"))
    expected = contents(tmp_path / "calm")
    assert steps > 30
    for step in range(0, steps, every):
        folder = tmp_path / str(step)
        with fork(order(folder, crash_at=step, **keys)) as driver:
            assert driver.finish() == -9, driver.lines
        run_to_end(order(folder, **keys))
        assert contents(folder) == expected, step
        assert sorted(raw_keys(folder)) == sorted(expected[0]), step
        assert not list(folder.rglob("*.tmp")), step


def test_a_crash_before_some_durable_steps(tmp_path: Path) -> None:
    check_crashes(tmp_path, "tpe", every=5)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe", "cmaes"])
def test_a_crash_before_any_durable_step(tmp_path: Path, sampler: str) -> None:
    check_crashes(tmp_path, sampler, every=1)
