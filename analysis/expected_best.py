"""The expected score of the best of n configurations, and an interval for sums of them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
from scipy import stats

from analysis.baselines import trivials
from analysis.frames import Arena, Frames
from analysis.guards import search_scores
from analysis.intervals import LEVEL, Estimate
from flowadam.plan import Cell


def expected_best(scores: np.ndarray) -> np.ndarray:
    """Return the expected lowest of n = 1..N scores drawn without replacement, [N].

    ``sum_i v_(i) C(N - i, n - 1) / C(N, n)`` over the ordered scores: the U-statistic, unbiased
    for the expected lowest of n independent scores (Tang et al. 2020).

    Args:
        scores: N finite numbers.
    """
    return best_weights(len(scores)) @ np.sort(scores)


@cache
def best_weights(n: int) -> np.ndarray:
    """Return the share of the subsets of size 1..n whose lowest is the i-th of n scores, [n, n].

    ``w_1 = m / n`` and ``w_(i+1) = w_i (n - i - m + 1) / (n - i)`` for subsets of size m: no
    binomial is formed, so nothing overflows at large n.
    """
    size = np.arange(1.0, n + 1)
    weights = np.empty((n, n))
    weights[:, 0] = size / n
    for i in range(1, n):
        weights[:, i] = weights[:, i - 1] * np.maximum(n - i - size + 1, 0) / (n - i)
    return weights


def weighted_best(scores: np.ndarray, omega: np.ndarray) -> Estimate:
    """Return ``sum_n omega_n E[lowest of n]`` with a 95 % interval.

    Args:
        scores: N >= 2 finite, independent scores.
        omega: weight of each n, [N], not negative, summing to 1.
    """
    error, freedom = _error(scores, omega)
    return _around(float(omega @ expected_best(scores)), error, freedom, len(scores))


def weighted_difference(a: np.ndarray, b: np.ndarray, omega: np.ndarray) -> Estimate:
    """Return the difference a - b of two such sums with a 95 % interval.

    Args:
        a, b: equally many independent scores of two optimizers.
    """
    (error_a, freedom), (error_b, _) = _error(a, omega), _error(b, omega)
    difference = float(omega @ (expected_best(a) - expected_best(b)))
    return _around(difference, math.hypot(error_a, error_b), freedom, len(a))


def _error(scores: np.ndarray, omega: np.ndarray) -> tuple[float, float]:
    """Return the jackknife's standard error and its degrees of freedom, ``N / sum_n omega_n n``.

    N scores hold no more independent searches of mean length ``sum omega_n n`` than that; with N-1
    degrees, or by the bootstrap, an interval for the best of nearly N misses the truth in one of
    four cases.
    """
    n = len(scores)
    shorter = best_weights(n - 1)
    weights = omega[:-1] @ shorter + omega[-1] * shorter[-1]
    ordered = np.sort(scores)
    # Without the i-th score, those before it keep their weight and those after it move up one.
    before, after = weights * ordered[:-1], weights * ordered[1:]
    without = np.r_[0, before.cumsum()] + np.r_[after[::-1].cumsum()[::-1], 0]
    error = math.sqrt((n - 1) * float(without.var()))
    return error, min(n - 1.0, n / float(omega @ np.arange(1, n + 1)))


def _around(value: float, error: float, freedom: float, n: int) -> Estimate:
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Estimate(value, value - half, value + half, n)


def within(e: Estimate, low: float = -math.inf, high: float = math.inf) -> Estimate:
    """Return the estimate with its interval cut to the values that are possible."""
    if e.low is None or e.high is None:
        return e
    return replace(e, low=max(e.low, low), high=min(e.high, high))


def capped_scores(frames: Frames, cell: Cell) -> np.ndarray:
    """Return the scores of configurations 1..N, none above that of the best trivial predictor, [N].

    Who ends above it, or with nothing, would use the predictor. Without any predictor failed
    configurations stay +inf.
    """
    return np.minimum(search_scores(frames, cell), ceiling(frames, Arena(cell.task, cell.budget)))


def ceiling(frames: Frames, arena: Arena) -> float:
    """Return the validation score of the arena's best trivial predictor, +inf without any."""
    values = [t.val for t in trivials(frames, arena) if math.isfinite(t.val)]
    return min(values, default=math.inf)
