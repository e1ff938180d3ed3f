"""Best-so-far validation curves of the confirmed winners."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.frames import Frames
from flowadam.plan import Cell

BAND = (0.1, 0.9)


@dataclass(frozen=True)
class Band:
    """Median and 10-90 % band of the best validation metric so far, over runs.

    Args:
        grad_evals: gradient evaluations of each point, [P].
        median, low, high: order statistics over the runs, [P]; +inf where runs that did not end
            well reach into them.
        runs, winners, failed: how many curves, of how many winners, how many of them did not end
            well and count as +inf throughout.
    """

    optimizer: str
    grad_evals: tuple[float, ...]
    median: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    runs: int
    winners: int
    failed: int


def best_so_far(frames: Frames, cell: Cell) -> Band | None:
    """Return the band of a cell's confirmed winners, None without any curve.

    A mark of the budget that a run skipped keeps the value before it.
    """
    rows = frames.rows("confirm", cell)
    rows = rows.loc[rows["config"].isin(frames.elections[cell].elected)]
    points = frames.curves.loc[frames.curves["key"].isin(rows["key"])]
    if points.empty:
        return None
    table = _running_minimum(points)
    failed = set(rows.loc[rows["status"] != "ok", "key"])
    values = table.to_numpy(dtype=float, na_value=math.inf)
    values[[key in failed for key in table.index]] = math.inf
    low, median, high = np.quantile(values, [BAND[0], 0.5, BAND[1]], axis=0, method="inverted_cdf")
    return Band(
        optimizer=cell.optimizer,
        grad_evals=tuple(float(str(fraction)) * cell.budget for fraction in table.columns),
        median=tuple(median.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        runs=len(values),
        winners=rows["config"].nunique(),
        failed=len(failed),
    )


def _running_minimum(points: pd.DataFrame) -> pd.DataFrame:
    """Return a table run x fraction of the lowest validation metric up to that fraction."""
    table = points.pivot_table(index="key", columns="fraction", values="val", aggfunc="min")
    return table.cummin(axis=1).ffill(axis=1)
