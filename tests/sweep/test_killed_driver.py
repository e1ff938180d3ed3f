"""kill -9 of the driver at any moment, then the same command: as if nothing had happened."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from sweep_tools import (
    contents,
    eventually,
    fork,
    order,
    raw_keys,
    ray_folders,
    ray_processes,
    run_to_end,
    start,
)

SECONDS = 0.004


def kill_at_random(job: dict[str, Any], kills: int, seed: int) -> int:
    """Kill `kills` drivers at random moments of their work; return how many died at it."""
    rng = random.Random(seed)
    died = 0
    for _ in range(kills):
        with (fork if job["engine"] == "local" else start)(job) as driver:
            if driver.after_rows(rng.randrange(0, 12)):
                time.sleep(rng.uniform(0, 0.05))
            died += driver.kill() != 0
    return died


def check_kills(
    tmp_path: Path, kills: int, seed: int, *, engine: str = "local", **keys: Any
) -> None:
    run_to_end(order(tmp_path / "calm", **keys))
    job = order(tmp_path / "wild", engine=engine, seconds=SECONDS, **keys)
    assert kill_at_random(job, kills, seed) > 0
    run_to_end(job)
    expected = contents(tmp_path / "calm")
    assert contents(tmp_path / "wild") == expected
    assert sorted(raw_keys(tmp_path / "wild")) == sorted(expected[0])


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_driver_killed_without_ray(tmp_path: Path, sampler: str) -> None:
    check_kills(tmp_path, 8, 1, sampler=sampler, seeds=2)


def test_driver_killed_with_ray_leaves_nothing_running_and_nothing_lying_about(
    tmp_path: Path,
) -> None:
    job = order(tmp_path / "wild", engine="ray", seconds=SECONDS)
    with start(job) as driver:
        assert driver.after_rows(5)
        assert len(ray_processes(driver.pid)) > 3
        # Looked for before the kill: afterwards any other sweep on this machine tidies up, too.
        assert ray_folders(driver.pid)
        driver.kill()
        eventually(lambda: not ray_processes(driver.pid))
    run_to_end({**job, "engine": "search on ray"})
    assert not ray_folders(driver.pid)
    run_to_end(order(tmp_path / "calm"))
    assert contents(tmp_path / "wild") == contents(tmp_path / "calm")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_driver_killed_many_times_without_ray(tmp_path: Path, sampler: str, seed: int) -> None:
    check_kills(tmp_path, 20, seed, sampler=sampler, trials=15)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_driver_killed_many_times_with_ray(tmp_path: Path, seed: int) -> None:
    check_kills(tmp_path, 5, seed, engine="ray", trials=20)
