"""Runs per second through Ray against the same runs in a plain loop, in one process tree.

``python benchmarks/throughput.py`` prints a table of ratios in under two minutes. The same plan
runs twice per task, once through each engine; Ray's start-up is said apart.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import search_spaces
import trainables
from flowadam.rows import Row
from flowadam.study import Study
from flowadam.sweep import Catalog, Engine, LocalEngine, RayEngine, Stop, open_store, sweep

TRAINABLE = "trainables.group_trainable:GroupTrainable"
# task, budget, configurations: runs of about 10 ms, 50 ms and 200 ms
CASES = [
    ("matrix_completion_small", 50, 60),
    ("photo_completion", 400, 40),
    ("digits_mlp", 250, 24),
]


class _Clock:
    """Counts the search phase's runs and the seconds between its first and last rows."""

    def __init__(self) -> None:
        self.runs, self.first, self.last, self.started = 0, 0.0, 0.0, time.perf_counter()

    def phase(self, name: str, total: int, done: int) -> None:
        """Every phase is told; the rows say which one they belong to."""

    def rows(self, rows: list[Row]) -> None:
        if rows[0]["phase"] != "search":
            return
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.runs += len(rows)

    @property
    def per_second(self) -> float:
        return (self.runs - 1) / (self.last - self.first)


def measure(task: str, budget: int, trials: int, engine: Engine) -> _Clock:
    """Run the search phase of a one-optimizer study and return its clock."""
    study = Study((task,), ("adam",), trials=trials, budget=budget, confirm_seeds=1, substudies=1)
    catalog = Catalog({task: trainables.get(task)}, {"adam": search_spaces.get("adam")})
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "study", study, catalog)
        clock = _Clock()
        sweep(study, catalog, store, engine, observer=clock, stop=Stop(), mirror=lambda store: None)
        store.close()
    return clock


def main() -> None:
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'task':26} {'runs':>4} {'loop/s':>8} {'Ray/s':>8} {'Ray/loop':>8} {'to 1st row':>10}")
    with RayEngine(TRAINABLE) as ray:
        for task, budget, trials in CASES:
            loop = measure(task, budget, trials, LocalEngine())
            through = measure(task, budget, trials, ray)
            wait = through.first - through.started
            print(
                f"{task:26} {loop.runs:4d} {loop.per_second:8.1f} {through.per_second:8.1f} "
                f"{through.per_second / loop.per_second:8.2f} {wait:9.1f}s"
            )


if __name__ == "__main__":
    main()
