"""Starting, stopping and killing driver processes, and comparing what they leave."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO, TypeVar

import psutil
import pytest

from flowadam.rows import Row
from flowadam.store import Store

HERE = Path(__file__).parent
PRELOAD = ["pytest", "sweep_driver", "sweep_tools", "torch._dynamo", "pandas", "pyarrow.parquet"]
ORDERS = ("address", "workers", "deadline", "flush_runs", "crash_at")
T = TypeVar("T")


def study(**keys: Any) -> dict[str, Any]:
    """Return a small study of the test plugins."""
    base = {"task": ["a", "b"], "optimizer": ["sgd", "momentum"], "trials": 6, "confirm_seeds": 2}
    return {**base, **keys}


def order(out: Path, *, engine: str = "local", seconds: float = 0.0, **keys: Any) -> dict[str, Any]:
    """Return what `sweep_driver` is to do; unknown keys belong to the study."""
    own = {
        k: keys.pop(k)
        for k in ("address", "workers", "deadline", "flush_runs", "crash_at")
        if k in keys
    }
    data = study(**keys)
    tasks = dict.fromkeys(data["task"], seconds)
    return {"out": str(out), "study": data, "tasks": tasks, "engine": engine, **own}


class Driver:
    """A driver process whose output is read line by line."""

    def __init__(self, pid: int, output: TextIO, wait: Callable[[], int]) -> None:
        self.pid, self.lines = pid, list[str]()
        self._output, self._wait = output, wait
        self._code: int | None = None

    def until(self, wanted: Callable[[list[str]], bool]) -> bool:
        """Read lines until `wanted` holds for them; False when the driver ended before."""
        while not wanted(self.lines):
            line = self._output.readline()
            if not line:
                return False
            self.lines.append(line.strip())
        return True

    def after_rows(self, count: int) -> bool:
        """Read until `count` groups have been stored."""
        return self.until(lambda lines: sum(x.startswith("rows") for x in lines) >= count)

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        self.until(lambda lines: False)
        return self._end()

    def kill(self) -> int:
        """kill -9 of the driver alone, as `kill -9 PID` does it."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
        return self._end()

    def interrupt(self) -> None:
        """Send SIGINT to the whole process group, as a terminal does on Ctrl-C."""
        os.killpg(self.pid, signal.SIGINT)

    def said(self, beginning: str) -> list[str]:
        return [line for line in self.lines if line.startswith(beginning)]

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _end(self) -> int:
        if self._code is None:
            self._code = self._wait()
            self._output.close()
        return self._code


def start(job: dict[str, Any]) -> Driver:
    """Start a driver as a program, in a process group of its own."""
    command = [sys.executable, str(HERE / "sweep_driver.py"), json.dumps(job)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=environment(),
    )
    assert process.stdout is not None
    return Driver(process.pid, process.stdout, process.wait)


def fork(job: dict[str, Any]) -> Driver:
    """Start a driver by forking a process that has imported everything: in milliseconds.

    `job` may name a durable step, "crash_at", before which the driver kills itself.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_forked, args=(job, writer))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", environment()["PYTHONPATH"])  # for what is to be imported
        process.start()
    writer.close()
    assert process.pid is not None

    def wait() -> int:
        process.join()
        assert process.exitcode is not None
        return process.exitcode

    return Driver(process.pid, os.fdopen(os.dup(reader.fileno()), "r"), wait)


def _forked(job: dict[str, Any], output: Connection) -> None:
    import sweep_driver

    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    crash_before(job.get("crash_at", math.inf))
    sys.exit(sweep_driver.main(json.dumps(job)))


def crash_before(step: float) -> None:
    """Kill this process before its durable step number `step`, and say how many there were.

    Durable steps are those whose order matters to a crash: fsync, rename, unlink.
    """
    count = itertools.count()

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if (number := next(count)) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            print(f"step {number} {function.__name__}", flush=True)
            return function(*args, **options)

        return call

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))


def environment() -> dict[str, str]:
    """Return an environment in which workers find the plugins and are not last in line."""
    paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(p for p in paths if p),
        "OMP_NUM_THREADS": "1",
        "RAY_worker_niceness": "0",
    }


def run_to_end(job: dict[str, Any]) -> Driver:
    """Run a driver to its end and see that it says it is complete."""
    with (fork if job["engine"] == "local" else start)(job) as driver:
        assert driver.finish() == 0, driver.lines
    return driver


def contents(folder: Path) -> tuple[dict[str, Row], dict[tuple[Any, ...], Row]]:
    """Return a store's rows and curve points by key, without what differs between two runs."""
    store = Store(folder)
    trials = store.rows()
    curves = store.curves().to_dict("records")
    loose = ("seconds", "probe_seconds", "peak_mem_mb", "device")
    rows = {r["key"]: {k: v for k, v in r.items() if k not in loose} for r in trials}
    points = {
        (p["key"], p["grad_evals"]): {k: repr(v) for k, v in p.items() if k not in loose}
        for p in curves
    }
    assert len(rows) == len(trials)
    assert len(points) == len(curves)
    return rows, points


def raw_keys(folder: Path) -> list[str]:
    """Return the keys in the Parquet files of `trials` as any other program would read them."""
    import pyarrow.parquet as pq

    files = sorted((folder / "trials").glob("*.parquet"))
    return [key for file in files for key in pq.read_table(file)["key"].to_pylist()]


def eventually(found: Callable[[], T], patience: float = 60.0) -> T:
    """Return the first true value of `found`, asked again and again."""
    end = time.monotonic() + patience
    while not (value := found()):
        assert time.monotonic() < end, "It never came true."
        time.sleep(0.05)
    return value


def ray_processes(driver: int) -> list[psutil.Process]:
    """Return the processes that an embedded Ray of `driver` consists of."""
    mark = f"flowadam-{driver}-"
    return [p for p in psutil.process_iter() if mark in _command(p)]


def workers_of(driver: int) -> list[psutil.Process]:
    """Return the worker processes that run groups for `driver`."""
    tree = psutil.Process(driver).children(recursive=True)
    names = {p: _command(p).partition(".")[0] for p in tree}
    return [p for p, name in names.items() if name.startswith("ray::") and "Trainable" in name]


def ray_folders(driver: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"flowadam-{driver}-*"))


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
