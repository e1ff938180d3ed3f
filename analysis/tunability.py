"""How good an optimizer is over a range of tuning efforts (Sivaprasad et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.expected_best import capped_scores, weighted_best, within
from analysis.frames import Frames
from analysis.guards import lowest_reading, refuse_arena, refuse_cell
from analysis.intervals import Estimate, mean_interval
from flowadam.plan import Cell

# Weights of the effort n = 1..N before they are made to sum to 1.
WEIGHTINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "one-shot": lambda n: n == 1,
    "early": lambda n: len(n) - n + 1,
    "uniform": lambda n: n > 0,
    "late": lambda n: n,
    "peak": lambda n: n == len(n),
}


@dataclass(frozen=True)
class Tunability:
    """``T = sum_n omega_n E[score of the best of n]`` of one cell, by weighting.

    Args:
        values: weighting -> T with its interval; empty where refused.
        refused: why there is none, else empty.
    """

    cell: Cell
    n: int
    values: Mapping[str, Estimate]
    refused: str


@dataclass(frozen=True)
class Relative:
    """The cross-task score of one optimizer.

    Args:
        at: weighting -> mean over tasks of (lowest T of any optimizer) / (its own T), at most 1;
            the interval takes the tasks as a sample.
    """

    optimizer: str
    at: Mapping[str, Estimate]


def omega(weighting: str, n: int) -> np.ndarray:
    """Return the weights of the efforts 1..n, [n], which sum to 1."""
    weights = WEIGHTINGS[weighting](np.arange(1, n + 1)).astype(float)
    return weights / weights.sum()


def tunability(frames: Frames, cell: Cell) -> Tunability:
    """Return T of one cell by the five weightings."""
    n = frames.elections[cell].trials
    reason = refuse_cell(frames, cell)
    if reason:
        return Tunability(cell, n, {}, reason)
    scores = capped_scores(frames, cell)
    failed = int(np.isinf(scores).sum())
    if failed:
        reason = f"{failed} of {n} failed and no trivial predictor says what a failure costs"
        return Tunability(cell, n, {}, reason)
    lowest = lowest_reading(frames, cell.task)
    values = {w: within(weighted_best(scores, omega(w, n)), lowest) for w in WEIGHTINGS}
    return Tunability(cell, n, values, "")


def relative_performance(frames: Frames) -> tuple[list[Relative], list[str]]:
    """Return the cross-task scores, best first by the uniform weights, and why tasks are left out.

    ``S = 1/|P| sum_p best_o' T(o', p) / T(o, p)`` over tasks p; with one-shot and peak weights the
    published relative performance at n = 1 and n = N. A task takes part when all of its optimizers
    can be compared and every T is positive.
    """
    ratios: list[dict[str, np.ndarray]] = []
    reasons = []
    for arena in frames.arenas:
        found = [tunability(frames, cell) for cell in frames.cells(arena)]
        reason = refuse_arena(frames, arena) or _no_ratio(found)
        if reason:
            reasons.append(f"{frames.label(arena)}: {reason}")
        else:
            ratios.append(_ratios(found))
    if not ratios:
        return [], reasons
    relative = [
        Relative(o, {w: _mean_ratio([r[o][i] for r in ratios]) for i, w in enumerate(WEIGHTINGS)})
        for o in frames.optimizers
    ]
    return sorted(relative, key=lambda r: -r.at["uniform"].mean), reasons


def _no_ratio(found: Sequence[Tunability]) -> str:
    """Say why the values have no ratios, or return the empty string."""
    if reason := next((t.refused for t in found if t.refused), ""):
        return reason
    positive = all(e.mean > 0 for t in found for e in t.values.values())
    return "" if positive else "a score is 0 or negative, which has no ratio"


def _ratios(found: Sequence[Tunability]) -> dict[str, np.ndarray]:
    """Return optimizer -> (lowest T of any) / (its own T), one for each weighting."""
    values = np.array([[t.values[w].mean for w in WEIGHTINGS] for t in found])
    names = [t.cell.optimizer for t in found]
    return dict(zip(names, values.min(axis=0) / values, strict=True))


def _mean_ratio(ratios: Sequence[float]) -> Estimate:
    return within(mean_interval(ratios), 0.0, 1.0)
