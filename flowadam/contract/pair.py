"""Starts two processes that train together, and brings back what they saw."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import cloudpickle
import psutil

from flowadam.contract.result import ContractBroken
from flowadam.spec import OptimizerSpec

Wrapper = Literal["replicated", "sharded"]
Job = tuple[Wrapper, OptimizerSpec]
Seen = list[dict[str, Any]]
"""What each of the two processes saw of one job; see ``flowadam.contract.rank``."""

PROGRAM = (
    "import sys, pathlib; from flowadam.contract.rank import main; "
    "main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))"
)
TIMEOUT = 300.0
POLL = 0.05
WORDS = 2000
"""How much of a broken process's last words a message holds."""


class Aborted(ContractBroken):
    """A process was ended by an abort."""


def run_pair(jobs: Sequence[Job]) -> list[Seen]:
    """Run all jobs in one pair of processes; return what both saw of each, in order.

    The last answer is kept for whoever asks for the same jobs again.

    Raises:
        ContractBroken: a process ended early or not in five minutes.
    """
    return _run(_pickled(jobs))


@lru_cache(maxsize=1)
def _run(jobs: bytes) -> list[Seen]:
    try:
        return _run_once(jobs)
    except Aborted:  # gloo does so on a busy machine now and then; an optimizer would do it again
        return _run_once(jobs)


def _run_once(jobs: bytes) -> list[Seen]:
    with tempfile.TemporaryDirectory(prefix="flowadam-check-") as name:
        folder = Path(name)
        (folder / "jobs").write_bytes(jobs)
        with _processes(folder) as processes:
            _wait(processes, folder)
        lines = [(folder / f"{rank}.jsonl").read_text().splitlines() for rank in (0, 1)]
    return [[json.loads(line) for line in pair] for pair in zip(*lines, strict=True)]


@contextmanager
def _processes(folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start both processes; whatever happens, none of them outlives the block."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "GLOO_SOCKET_IFNAME": _loopback(),
        "OMP_NUM_THREADS": "1",
    }
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for rank in ("0", "1"):
            command = [sys.executable, "-c", PROGRAM, str(folder), rank]
            with (folder / f"{rank}.log").open("wb") as log:
                started = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            processes.append(started)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _wait(processes: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        codes = [process.poll() for process in processes]
        for rank, code in enumerate(codes):
            if code:
                words = (folder / f"{rank}.log").read_text()[-WORDS:]
                kind = Aborted if code == -signal.SIGABRT else ContractBroken
                raise kind(f"Process {rank} of two ended with code {code}: {words}")
        if codes == [0, 0]:
            return
        if time.monotonic() > deadline:
            raise ContractBroken(f"Two processes had not ended after {TIMEOUT:.0f} s.")
        time.sleep(POLL)


def _loopback() -> str:
    """Return the name of the interface that holds 127.0.0.1."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == "127.0.0.1" for address in addresses):
            return name
    raise ContractBroken("This machine has no loopback interface 127.0.0.1.")


def _pickled(jobs: Sequence[Job]) -> bytes:
    """Pickle specs by reference, and by value what a new process could not import."""
    modules = {_home(spec.factory) for _, spec in jobs}
    foreign = [module for module in modules if not _importable(module)]
    for module in foreign:
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(list(jobs))
    finally:
        for module in foreign:
            cloudpickle.unregister_pickle_by_value(module)


def _home(factory: Callable[..., Any]) -> ModuleType:
    while isinstance(factory, partial):
        factory = factory.func
    return sys.modules[factory.__module__]


def _importable(module: ModuleType) -> bool:
    return PathFinder.find_spec(module.__name__.partition(".")[0]) is not None
