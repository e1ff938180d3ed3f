"""What probes read in the confirmed winners' runs, along the budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.frames import Arena, Frames
from analysis.intervals import Estimate, mean_interval
from flowadam.plan import Cell


@dataclass(frozen=True)
class ProbeCurve:
    """Mean of a probe over the confirm seeds at each mark, with its 95 % interval.

    Args:
        grad_evals: gradient evaluations of each point, [P].
        points: the estimates, [P]; n counts the seeds with a value.
        winners: configurations over which each seed was averaged first.
        failed: readings that failed, of `readings`.
    """

    optimizer: str
    grad_evals: tuple[float, ...]
    points: tuple[Estimate, ...]
    winners: int
    failed: int
    readings: int


def probe_names(frames: Frames) -> list[str]:
    """Return the probes that were read, in the order of the study."""
    found = list(dict.fromkeys(frames.probes["probe"].tolist()))
    order = frames.study.probe
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def probe_curves(frames: Frames, arena: Arena, probe: str) -> list[ProbeCurve]:
    """Return the curves of one probe in one arena, the focus first; cells without any are left out.

    Runs that did not end well are left out. A mark that a run skipped, or where the reading is not
    a number, keeps the value before it. A seed counts once every winner has a value.
    """
    curves = (_curve(frames, cell, probe) for cell in frames.cells(arena))
    return [curve for curve in curves if curve]


def _curve(frames: Frames, cell: Cell, probe: str) -> ProbeCurve | None:
    rows = frames.rows("confirm", cell)
    good = rows["config"].isin(frames.elections[cell].elected) & (rows["status"] == "ok")
    runs = rows.loc[good, ["key", "config", "seed"]]
    read = frames.probes.loc[frames.probes["probe"] == probe].merge(runs, on="key")
    points = _estimates(read)
    if not points:
        return None
    return ProbeCurve(
        optimizer=cell.optimizer,
        grad_evals=tuple(fraction * cell.budget for fraction in points),
        points=tuple(points.values()),
        winners=read["config"].nunique(),
        failed=(read["message"] != "").tolist().count(True),
        readings=len(read),
    )


def _estimates(read: pd.DataFrame) -> dict[float, Estimate]:
    """Return the mean over the seeds by fraction, where any seed has a value of every winner."""
    last = read.drop_duplicates(["key", "fraction"], keep="last")
    table = last.pivot(index=["seed", "config"], columns="fraction", values="value").ffill(axis=1)
    by_seed: dict[int, list[np.ndarray]] = {}
    for (seed, _), values in zip(table.index.tolist(), table.to_numpy(dtype=float), strict=True):
        by_seed.setdefault(seed, []).append(values)
    winners = read["config"].nunique()
    means = [np.mean(runs, axis=0) for runs in by_seed.values() if len(runs) == winners]
    columns = zip(table.columns.tolist(), zip(*means, strict=True), strict=True) if means else ()
    known = ((fraction, [v for v in column if math.isfinite(v)]) for fraction, column in columns)
    return {float(fraction): mean_interval(values) for fraction, values in known if values}
