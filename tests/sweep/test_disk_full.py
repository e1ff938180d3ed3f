"""No space on the disk: what is stored stays readable, and the same command goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweep_tools import contents, fork, order, run_to_end

from flowadam.store import Store

KEYS = {"trials": 60, "flush_runs": 20}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("Mounting a small disk needs root.")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_costs_nothing_that_was_stored(tmp_path: Path, small_disk: Path) -> None:
    folder = small_disk / "out"
    told = 0
    for _ in range(2):  # the second time there is no room at all
        with fork(order(folder, **KEYS)) as driver:
            assert driver.finish() == 1, driver.lines
        assert "No space left on device" in driver.said("failed: OSError")[0]
        told += len(driver.said("rows"))
        rows, _ = contents(folder)
        assert len(rows) >= told > 20
        assert not list(folder.rglob("*.tmp"))
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert len(Store(folder).rows()) == len(rows)
    run_to_end(order(folder, **KEYS))
    run_to_end(order(tmp_path / "calm", **KEYS))
    assert contents(folder) == contents(tmp_path / "calm")


def test_no_room_even_to_begin(tmp_path: Path, small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"0" * 380_000)
    with filler.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"0")
    folder = small_disk / "out"
    with fork(order(folder, trials=2)) as driver:
        assert driver.finish() == 1
    assert driver.said("failed: OSError")
    filler.unlink()
    run_to_end(order(folder, trials=2))
    run_to_end(order(tmp_path / "calm", trials=2))
    assert contents(folder) == contents(tmp_path / "calm")
