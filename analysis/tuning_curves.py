"""How good the best of n configurations is: median tuning curves with simultaneous bands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from opda.nonparametric import EmpiricalDistribution

from analysis.expected_best import expected_best
from analysis.frames import Frames
from analysis.guards import lowest_reading, refuse_cell, search_scores
from analysis.intervals import ALPHA
from flowadam.plan import Cell

# Above this N the exact band takes longer than a report should: seconds grow with N squared.
MOST_EXACT = 128


@dataclass(frozen=True)
class TuningCurve:
    """The score of the best of n = 1..N configurations of one cell.

    Args:
        failed: configurations of the N that failed; their score is +inf.
        level: confidence of the band, which holds at all n together.
        method: opda's name of the band.
        median: median score of the best of n, [N]; empty where refused.
        low, high: the band around it, [N].
        mean: expected score of the best of n, [N]; None where a configuration failed.
        refused: why there is no curve, else empty.
    """

    cell: Cell
    n: int
    failed: int
    level: float
    method: str
    median: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...] | None
    refused: str


def family_level(frames: Frames) -> float:
    """Return ``1 - 0.05 / (optimizers x tasks)``, at which all bands of a study hold together."""
    return 1 - ALPHA / max(len(frames.study.optimizer) * len(frames.arenas), 1)


def tuning_curve(frames: Frames, cell: Cell) -> TuningCurve:
    """Return the tuning curve of one cell with its band at the level of the whole family.

    With F the distribution of a random configuration's score, the median of the lowest of n is
    ``F^-1(1 - 2^(-1/n))``; failed configurations count as +inf, which a median can bear.
    """
    level, n = family_level(frames), frames.elections[cell].trials
    reason = refuse_cell(frames, cell, bands=True)
    if reason:
        return TuningCurve(cell, n, 0, level, "", (), (), (), None, reason)
    scores = search_scores(frames, cell)
    low, high = band(scores, level, lowest_reading(frames, cell.task))
    finite = bool(np.isfinite(scores).all())
    return TuningCurve(
        cell,
        n,
        int(np.isinf(scores).sum()),
        level,
        method(n),
        tuple(median_curve(scores).tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
        tuple(expected_best(scores).tolist()) if finite else None,
        "",
    )


def median_curve(scores: np.ndarray) -> np.ndarray:
    """Return the median score of the best of n = 1..N configurations, [N].

    Args:
        scores: scores of N configurations; +inf for failed ones.
    """
    ns = np.arange(1, len(scores) + 1)
    return EmpiricalDistribution(scores).quantile_tuning_curve(ns, q=0.5, minimize=True)


def band(scores: np.ndarray, level: float, lowest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the simultaneous confidence band of the median tuning curve, two arrays [N].

    With probability `level` or more the true curve lies between them at every n: more, since the
    band comes from one for the whole distribution function (simulated: 99 % at N = 32 and level
    95 %). Ties, as of failed configurations, make it wider and never too narrow.

    Args:
        lowest: a bound below every possible score, -inf without one.
    """
    low, high = band_ranks(len(scores), level)
    ladder = np.concatenate([[lowest], np.sort(scores), [np.inf]])
    return ladder[low], ladder[high]


@cache
def band_ranks(n: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which order statistics bound the curve at 1..n: 0 is the support's low end, n+1 its
    high end.

    The band is the same for every continuous distribution, so it is computed once on the ranks.
    The lower band of the distribution function gives the upper tuning curve. opda finds the
    critical value from 100,000 simulated samples, here always the same ones.
    """
    ranks, ns = np.arange(1.0, n + 1), np.arange(1, n + 1)
    below, _, above = EmpiricalDistribution.confidence_bands(
        ranks,
        level,
        a=0.0,
        b=n + 1.0,
        generator=np.random.default_rng(0),
        method=method(n),
        n_jobs=1,
    )
    low, high = (b.quantile_tuning_curve(ns, q=0.5, minimize=True) for b in (above, below))
    return low.astype(int), high.astype(int)


def method(n: int) -> str:
    """Return the band for n configurations: the tight one while it is quick to compute."""
    return "ld_equal_tailed" if n <= MOST_EXACT else "ks"
