"""How much closer a rod flow stays to the optimizer than the stable flow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from analysis.edge.runs import TrackedRun
from analysis.intervals import Estimate, mean_interval

RODS = ("matrix", "rod")


@dataclass(frozen=True)
class Ratio:
    """The mean error of a rod flow after the onset over that of the stable flow, over seeds.

    Args:
        flow: "matrix" or "rod".
        value: geometric mean with Student's interval of the logarithms, over the runs in which
            both are finite; None without one.
        runs: all that ran.
        diverged: those in which the optimizer itself left all bounds.
        reached: those whose sharpness came to the threshold.
        worse: seeds at which the rod is not better, those where it has ended among them.
        endings: how the rod ended, by seed.
    """

    task: str
    optimizer: str
    flow: str
    lr: float
    value: Estimate | None
    runs: int
    diverged: int
    reached: int
    worse: tuple[int, ...]
    endings: tuple[tuple[int, str], ...]

    @property
    def better(self) -> bool:
        """The interval lies below 1, and the rod lasted at every seed that came to the edge."""
        high = self.value.high if self.value else None
        return high is not None and high < 1 and not self.endings


def ratios(runs: Sequence[TrackedRun]) -> list[Ratio]:
    """Return a ratio for every task, optimizer and rod flow, in the order of the runs."""
    pairs = dict.fromkeys((run.task, run.optimizer) for run in runs)
    return [
        _ratio([run for run in runs if (run.task, run.optimizer) == pair], flow)
        for pair in pairs
        for flow in RODS
    ]


def medians(runs: Sequence[TrackedRun], name: str) -> float:
    """Return the median of a reading's last value over runs, nan without any."""
    values = [run.series(name).last for run in runs]
    known = [value for value in values if math.isfinite(value)]
    return median(known) if known else math.nan


def _ratio(runs: Sequence[TrackedRun], flow: str) -> Ratio:
    reached = [run for run in runs if not math.isnan(run.onset)]
    found = {run.seed: run.ratio(flow) for run in reached}
    logs = [math.log(value) for value in found.values() if 0 < value < math.inf]
    return Ratio(
        task=runs[0].task,
        optimizer=runs[0].optimizer,
        flow=flow,
        lr=runs[0].lr,
        value=_exponential(mean_interval(logs)) if logs else None,
        runs=len(runs),
        diverged=sum(run.status == "diverged" for run in runs),
        reached=len(reached),
        worse=tuple(seed for seed, value in found.items() if not value < 1),
        endings=tuple((run.seed, run.ending(flow)) for run in reached if run.ending(flow)),
    )


def _exponential(e: Estimate) -> Estimate:
    ends = [None if end is None else math.exp(end) for end in (e.low, e.high)]
    return Estimate(math.exp(e.mean), ends[0], ends[1], e.n)
