"""A cluster of two nodes on this machine, of which one dies in the middle of a sweep."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sweep_plugins import GATE
from sweep_tools import contents, environment, eventually, order, run_to_end, start

RAY = str(Path(sys.executable).with_name("ray"))
PRETENDED = ("--num-cpus=2", "--num-gpus=1", f"--object-store-memory={100 * 2**20}")


@contextmanager
def node(*options: str) -> Iterator[psutil.Process]:
    """Run `ray start` and yield its raylet."""
    with subprocess.Popen(
        [RAY, "start", "--block", *PRETENDED, *options],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        tree = psutil.Process(process.pid)
        try:
            yield eventually(lambda: next((p for p in tree.children() if _is_raylet(p)), None))
        finally:
            family = [tree, *tree.children(recursive=True)]
            for member in family:
                if member.is_running():
                    member.kill()


def _is_raylet(process: psutil.Process) -> bool:
    return process.name() == "raylet"


def _is_trainable(process: psutil.Process) -> bool:
    """Say whether a worker of the node holds a trainable, in a run or between two."""
    try:
        return "Trainable" in " ".join(process.cmdline())
    except psutil.Error:  # It has just ended.
        return False


@dataclass(frozen=True)
class Cluster:
    """Two nodes that a token protects: address, raylet of the second, gate of all runs."""

    address: str
    second: psutil.Process
    gate: Path


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Yield a cluster whose workers inherit this environment; its gate is open."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="t"))
    monkeypatch.setenv(GATE, str(folder / "gate"))
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text("5" * 64)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    with ExitStack() as nodes:
        head = f"--temp-dir={folder}/r", "--include-dashboard=false"
        nodes.enter_context(node("--head", f"--port={port}", *head))
        raylet = nodes.enter_context(node(f"--address={address}"))
        yield Cluster(address, raylet, folder / "gate")
    shutil.rmtree(folder, ignore_errors=True)


def test_a_node_dies_and_half_gpus_go_on(tmp_path: Path, cluster: Cluster) -> None:
    keys = {"trials": 6, "gpu": 0.5}
    where = {"engine": "search on ray", "address": cluster.address}
    run_to_end(order(tmp_path / "calm", **keys))
    cluster.gate.touch()
    with start(order(tmp_path / "two", **where, **keys)) as driver:
        assert eventually(lambda: any(map(_is_trainable, cluster.second.children())))
        cluster.second.kill()
        cluster.gate.unlink()
        assert driver.finish() == 0, driver.lines
    assert contents(tmp_path / "two") == contents(tmp_path / "calm")
