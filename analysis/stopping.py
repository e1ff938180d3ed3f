"""Early stopping replayed on the stored curves of the search: what it saves and what it loses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.frames import Frames
from analysis.guards import refuse_cell, search_scores
from analysis.search_curves import SearchCurves, search_curves
from flowadam.plan import Cell

FIRST = 0.1
STARTUP = 5
ETA = 3
RUNGS = (1 / 9, 1 / 3)
NEVER = -1


@dataclass(frozen=True)
class Replay:
    """One rule on one cell.

    Args:
        saved: share of the cell's gradient evaluations that the rule would not have made.
        best: the configuration with the lowest score, stopped by the rule or not.
        elected: the one with the lowest score among those that ran to their end, None without.
        lost: whether the rule would have stopped `best`.
        regret: score of `elected` minus that of `best`, +inf when none is elected.
        relative: the same as a share of the score of `best`; None where that is 0 or infinite.
    """

    cell: Cell
    rule: str
    n: int
    saved: float
    best: int
    elected: int | None
    lost: bool
    regret: float
    relative: float | None


def replays(frames: Frames, cell: Cell) -> tuple[list[Replay], str]:
    """Return the replay of every rule on one cell, or why there is none."""
    reason = refuse_cell(frames, cell)
    if reason:
        return [], reason
    if not np.isfinite(search_scores(frames, cell)).any():
        return [], f"every configuration of {cell.optimizer} failed"
    curves = search_curves(frames, cell)
    if curves is None:
        return [], f"{cell.optimizer} has search runs without a stored curve"
    return [replay(cell, name, curves) for name in RULES], ""


def replay(cell: Cell, rule: str, curves: SearchCurves) -> Replay:
    """Return what a rule would have saved and lost on the curves of one cell."""
    stops = RULES[rule](curves)
    ran = stops == NEVER
    used = curves.costs[np.arange(len(stops)), stops]  # NEVER is the last mark
    scores = np.where(ran, curves.scores, np.inf)
    best, elected = int(np.argmin(curves.scores)), int(np.argmin(scores))
    regret = float(scores[elected] - curves.scores[best])
    size = abs(float(curves.scores[best]))
    return Replay(
        cell,
        rule,
        len(stops),
        1 - float(used.sum() / curves.costs[:, -1].sum()),
        best + 1,
        elected + 1 if math.isfinite(scores[elected]) else None,
        not bool(ran[best]),
        regret,
        regret / size if size and math.isfinite(size) else None,
    )


def median_rule(curves: SearchCurves) -> np.ndarray:
    """Return the mark at which each configuration is stopped, NEVER for the others, [N].

    Configurations run one after the other. From a tenth of the budget on, at every mark but the
    last, one is stopped whose value is above the median of the earlier ones that reached the mark,
    if these are at least 5 (Golovin et al. 2017; the 5 and the strict comparison are Optuna's).
    """
    marks = [m for m, f in enumerate(curves.fractions[:-1]) if f >= FIRST - 1e-9]
    stops = np.full(len(curves.values), NEVER)
    for i, own in enumerate(curves.values):
        for mark in marks:
            reached = (stops[:i] == NEVER) | (stops[:i] >= mark)
            earlier = curves.values[:i, mark][reached]
            if len(earlier) >= STARTUP and own[mark] > np.median(earlier):
                stops[i] = mark
                break
    return stops


def halving(curves: SearchCurves) -> np.ndarray:
    """Return the mark at which each configuration is stopped, NEVER for the others, [N].

    All start together; at 1/9 and at 1/3 of the budget the best third goes on, at least one
    (successive halving with eta = 3, Jamieson and Talwalkar 2016). Equal values go by number.
    """
    stops = np.full(len(curves.values), NEVER)
    alive = np.arange(len(curves.values))
    for rung in RUNGS:
        mark = int(np.searchsorted(curves.fractions, rung - 1e-9))
        order = alive[np.argsort(curves.values[alive, mark], kind="stable")]
        kept = max(len(alive) // ETA, 1)
        stops[order[kept:]] = mark
        alive = np.sort(order[:kept])
    return stops


RULES: dict[str, Callable[[SearchCurves], np.ndarray]] = {
    "median rule": median_rule,
    "successive halving": halving,
}
