"""Five seeds of every task: one stacked run against five runs one after another.

``python benchmarks/replicas.py [TASK ...]`` prints CPU milliseconds of five seeds' step both ways
and their ratio: Adam(foreach), one thread, both ways taking turns in one process; each figure is a
median over rounds, so the ratio is the median of ratios. Tasks whose data lie elsewhere are
measured when they are there, else left out. It takes a few minutes for all tasks.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import torch
from torch.optim import Adam

import trainables
from flowadam.errors import FlowAdamError
from flowadam.task import Problem, Task

SEEDS = range(5)
ROUNDS = 15
ROUND_SECONDS = 0.1
TOO_LONG = 3.0
"""Seconds of one step above which a task is left out."""


class Run:
    """A problem and its optimizer."""

    def __init__(self, problem: Problem) -> None:
        self._problem, self._k = problem, 0
        self._optimizer = Adam(problem.params, lr=1e-3, foreach=True)

    def step(self) -> None:
        """Make one step."""
        self._problem.begin_step(self._k)
        self._problem.closure()
        self._optimizer.step()
        self._k += 1


def milliseconds(runs: list[Run], count: int) -> float:
    """Return CPU milliseconds of one step of all runs."""
    began = time.process_time()
    for _ in range(count):
        for run in runs:
            run.step()
    return (time.process_time() - began) / count * 1e3


def compare(task: Task) -> str:
    """Return the line of one task."""
    alone = [Run(task.make([seed])) for seed in SEEDS]
    stacked = [Run(task.make(list(SEEDS)))]
    once = milliseconds(stacked, 1) / 1e3
    if once > TOO_LONG:
        return f"{task.name:28} one step of five takes {once:.1f} s: left out"
    count = max(int(ROUND_SECONDS / max(once, 1e-4)), 1)
    for runs in (alone, stacked):
        milliseconds(runs, 2)
    times = [(milliseconds(alone, count), milliseconds(stacked, count)) for _ in range(ROUNDS)]
    apart, together = (median(column) for column in zip(*times, strict=True))
    ratio = median(one / other for one, other in times)
    return f"{task.name:28}{apart:12.2f}{together:10.2f}{ratio:8.2f}"


def main(names: list[str]) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{'milliseconds of five steps':28}{'five runs':>12}{'R = 5':>10}{'ratio':>8}")
    for name in names or [name for name in trainables.names() if name != "ratings"]:
        try:
            print(compare(trainables.get(name)), flush=True)
        except FlowAdamError:
            print(f"{name:28} left out: its data are not here")


if __name__ == "__main__":
    main(sys.argv[1:])
