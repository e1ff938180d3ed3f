"""Seconds of the winners, run alone, and the comparison at equal seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.compare import Comparison, compare_results
from analysis.confirmed import Confirmed, confirmed
from analysis.frames import Arena, Frames
from analysis.intervals import Estimate, mean_interval
from flowadam.plan import Cell


@dataclass(frozen=True)
class Clock:
    """What a cell's best winner takes when it runs alone, pinned and not stacked.

    Args:
        grad_evals, seconds: seconds in optimizer steps after so many gradient evaluations, the
            median over the repeats, [P]; evaluations of metrics are not in it.
        total: seconds of a whole budget, over the repeats.
        memory: largest peak of the process, MB.
    """

    cell: Cell
    grad_evals: NDArray[np.float64]
    seconds: NDArray[np.float64]
    total: Estimate
    memory: float


def clock(frames: Frames, cell: Cell) -> Clock | None:
    """Return the clock of a cell, None without a timed run that ended well."""
    rows = frames.rows("timing", cell)
    rows = rows.loc[rows["status"] == "ok"]
    points = _points(frames, rows)
    if points.empty:
        return None
    marks = np.linspace(0, cell.budget, 41)
    runs = [np.interp(marks, run["grad_evals"], run["seconds"]) for _, run in points.groupby("key")]
    return Clock(
        cell,
        marks,
        np.median(runs, axis=0),
        mean_interval([float(run[-1]) for run in runs]),
        float(rows["peak_mem_mb"].max()),
    )


@dataclass(frozen=True)
class EqualSeconds:
    """The comparison of an arena at the moment when its quickest optimizer ends its budget.

    Args:
        seconds: that moment.
        by_seconds, by_gradients: every rival compared on validation there, and after the whole
            budget, by the rule of the verdict.
    """

    arena: Arena
    seconds: float
    by_seconds: list[Comparison]
    by_gradients: list[Comparison]


def equal_seconds(frames: Frames, arena: Arena) -> EqualSeconds | None:
    """Return the comparison at equal seconds, None unless two optimizers have clocks.

    Every confirm run's curve is put on its cell's clock, so all seeds and winners take part though
    few were timed. Both comparisons read the validation metric at the study's selected point: the
    test part is read once, at the end of a run.
    """
    clocks = {c.cell.optimizer: c for cell in frames.cells(arena) if (c := clock(frames, cell))}
    if len(clocks) < 2:
        return None
    results = [r for r in confirmed(frames, arena) if r.cell.optimizer in clocks]
    moment = min(c.total.mean for c in clocks.values())
    reach = {
        name: float(np.interp(moment * (1 + 1e-9), c.seconds, c.grad_evals))
        for name, c in clocks.items()
    }
    there = [_at(frames, r, reach[r.cell.optimizer]) for r in results]
    whole = [_at(frames, r, float(arena.budget)) for r in results]
    return EqualSeconds(
        arena,
        moment,
        compare_results(frames, arena, there),
        compare_results(frames, arena, whole),
    )


def _at(frames: Frames, result: Confirmed, used: float) -> Confirmed:
    """Return the result with the validation metric after `used` gradients as its readings."""
    rows = frames.rows("confirm", result.cell)
    rows = rows.loc[(rows["status"] == "ok") & rows["config"].isin(result.winners)]
    points = _points(frames, rows)
    points = points.loc[points["grad_evals"] <= used]
    how = "min" if frames.study.selection == "best" else "last"
    value = points.groupby(["config", "seed"])["val"].agg(how)
    table = value.unstack("config").dropna() if len(value) else pd.DataFrame()
    by_seed = {int(str(seed)): float(v) for seed, v in table.mean(axis=1).items()}
    by_winner = {int(str(config)): float(v) for config, v in table.mean(axis=0).items()}
    return replace(result, by_seed=by_seed, by_winner=by_winner)


def _points(frames: Frames, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the curve points of some runs with their configuration and seed, in order."""
    named = frames.curves.merge(rows[["key", "config", "seed"]], on="key")
    return named.sort_values(["key", "grad_evals"])


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Say of each point whether no other is at least as low in both and lower in one."""
    return [
        not any(
            (a <= x and b <= y) and (a < x or b < y) for j, (a, b) in enumerate(points) if j != i
        )
        for i, (x, y) in enumerate(points)
    ]
