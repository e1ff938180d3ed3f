"""How often a configuration drawn at random diverges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.frames import Frames
from analysis.intervals import exact_interval


@dataclass(frozen=True)
class Divergence:
    """The share of an optimizer's search configurations that diverged, over all tasks.

    Args:
        diverged, n: configurations from 1 on with a run that diverged on any search seed, and all.
        low, high: Clopper and Pearson's exact interval; None for an adaptive sampler, which
            avoids regions that diverge.
        worst: the task with the most of them, and how many of how many there.
    """

    optimizer: str
    diverged: int
    n: int
    low: float | None
    high: float | None
    worst: tuple[str, int, int]

    @property
    def share(self) -> float:
        return self.diverged / self.n


def divergence(frames: Frames) -> list[Divergence]:
    """Return the rate of every optimizer with search runs, the focus first.

    Tasks differ in how easily they diverge; the interval over all of them together then errs to
    the wide side.
    """
    counts = {name: _by_task(frames, name) for name in frames.optimizers}
    return [_rate(frames, name, found) for name, found in counts.items() if found]


def _by_task(frames: Frames, optimizer: str) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for cell in frames.elections:
        rows = frames.rows("search", cell)
        rows = rows.loc[rows["config"] > 0]
        if cell.optimizer == optimizer and len(rows):
            k, n = found.get(cell.task, (0, 0))
            bad = rows.loc[rows["status"] == "diverged", "config"].nunique()
            found[cell.task] = (k + bad, n + rows["config"].nunique())
    return found


def _rate(frames: Frames, name: str, found: Mapping[str, tuple[int, int]]) -> Divergence:
    k, n = (sum(part) for part in zip(*found.values(), strict=True))
    low, high = (None, None) if frames.study.adaptive else exact_interval(k, n)
    task = max(found, key=lambda t: found[t][0] / found[t][1])
    return Divergence(name, k, n, low, high, (task, *found[task]))
