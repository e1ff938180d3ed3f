"""How large the part of a search space is that works."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.baselines import parameters
from analysis.frames import Arena, Frames
from analysis.guards import refuse_cell, search_scores
from analysis.health import EDGE, Edge, cell_health
from analysis.proportion import Share, share
from analysis.ranges import ranges
from flowadam.plan import Cell

CLOSENESS = (0.01, 0.05, 0.10)
REFERENCE = "adamw"
RATE = "opt.lr"


@dataclass(frozen=True)
class RateSpan:
    """The learning rates of the good configurations.

    Args:
        low, high: the smallest and the largest of them.
        k: how many they are.
    """

    low: float
    high: float
    k: int

    @property
    def decades(self) -> float:
        return math.log10(self.high / self.low)

    @property
    def holds(self) -> float:
        """Probability ``(k - 1) / (k + 1)`` that a further good configuration lies within."""
        return (self.k - 1) / (self.k + 1)


@dataclass(frozen=True)
class Yardstick:
    """What "good" is measured by on one arena.

    Args:
        best: the lowest search score of any optimizer.
        reference: median score of the random search of `source`.
    """

    best: float
    reference: float
    source: str


@dataclass(frozen=True)
class Region:
    """The share of one cell's space that is good, ``P[score <= best + x (reference - best)]``.

    Args:
        own: by the cell's own best score, one for each x of CLOSENESS; how forgiving it is.
        any: by the best score of all optimizers; how useful it is.
        rates: learning rates that are good at the largest x by the own best, None without two.
        edges: knobs of its best configuration that lie within 5 % of an edge.
        chance: how often a random configuration has such a knob.
        refused: why there is none, else empty; `own` alone is empty where the reference is not
            above its best.
    """

    cell: Cell
    n: int
    own: tuple[Share, ...]
    any: tuple[Share, ...]
    rates: RateSpan | None
    edges: tuple[Edge, ...]
    chance: float
    refused: str


def yardstick(frames: Frames, arena: Arena) -> Yardstick | None:
    """Return the arena's best and reference score, None without a finite pair of them.

    The reference is the median of AdamW's random search, or of all optimizers' without AdamW.
    Cells that cannot be analysed take no part.
    """
    cells = [cell for cell in frames.cells(arena) if not refuse_cell(frames, cell)]
    pools = {cell.optimizer: search_scores(frames, cell) for cell in cells}
    if not pools:
        return None
    everything = np.concatenate(list(pools.values()))
    scores = pools.get(REFERENCE, everything)
    reference = float(np.quantile(scores, 0.5, method="inverted_cdf"))
    found = Yardstick(
        float(everything.min()), reference, REFERENCE if REFERENCE in pools else "all optimizers"
    )
    return found if math.isfinite(reference) and found.best < reference else None


def region(frames: Frames, cell: Cell, found: Yardstick | None) -> Region:
    """Return the good region of one cell by its arena's yardstick."""
    n, reason = frames.elections[cell].trials, refuse_cell(frames, cell)
    if not reason and found is None:
        reason = "the reference, the median of a random search, is no better than a failure"
    if reason or found is None:
        return Region(cell, n, (), (), None, (), 0.0, reason)
    scores = search_scores(frames, cell)
    own = float(scores.min())
    forgiving = own < found.reference
    return Region(
        cell,
        n,
        tuple(_good(scores, own, found.reference, x) for x in CLOSENESS) if forgiving else (),
        tuple(_good(scores, found.best, found.reference, x) for x in CLOSENESS),
        _rates(frames, cell, scores, own, found.reference) if forgiving else None,
        tuple(e for e in cell_health(frames, cell).edges if e.config == np.argmin(scores) + 1),
        _chance(frames, cell),
        "",
    )


def _good(scores: np.ndarray, best: float, reference: float, x: float) -> Share:
    return share(int((scores <= best + x * (reference - best)).sum()), len(scores))


def _rates(
    frames: Frames, cell: Cell, scores: np.ndarray, best: float, reference: float
) -> RateSpan | None:
    """Return the span of the good learning rates, None without the knob or without two of them."""
    rows = frames.rows("search", cell).drop_duplicates("config").set_index("config")
    if RATE not in parameters(frames, cell):
        return None
    rates = rows[f"p.{RATE}"].reindex(range(1, len(scores) + 1)).to_numpy(dtype=float)
    good = rates[scores <= best + CLOSENESS[-1] * (reference - best)]
    positive = len(good) > 1 and good.min() > 0
    return RateSpan(float(good.min()), float(good.max()), len(good)) if positive else None


def _chance(frames: Frames, cell: Cell) -> float:
    """Return how often a random configuration has a knob within 5 % of an edge."""
    knobs = sum(not r.options for r in ranges(frames, cell))
    return 1 - (1 - 2 * EDGE) ** knobs
