"""A cluster of two nodes, of which one dies in the middle of a sweep."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from sweep_tools import HERE, contents, environment, order, run_to_end, start


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, TextIO]]:
    """Yield the address of two nodes that a token protects, and the pipe that kills one."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t", ignore_cleanup_errors=True) as folder:
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text("5" * 64)
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        with subprocess.Popen(
            [sys.executable, str(HERE / "sweep_cluster.py"), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process.stdin
            process.stdin.close()


def test_a_node_dies_and_half_gpus_go_on(tmp_path: Path, cluster: tuple[str, TextIO]) -> None:
    address, pipe = cluster
    keys = {"trials": 12, "gpu": 0.5}
    job = order(tmp_path / "two", engine="ray", address=address, seconds=0.05, **keys)
    run_to_end(order(tmp_path / "calm", **keys))
    with start(job) as driver:
        assert driver.after_rows(6), driver.lines
        pipe.write("kill\n")
        pipe.flush()
        assert driver.finish() == 0, driver.lines
    assert contents(tmp_path / "two") == contents(tmp_path / "calm")
