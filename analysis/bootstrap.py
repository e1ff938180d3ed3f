"""Bootstrap intervals of statistics over several tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.intervals import LEVEL

RESAMPLES = 9999
Statistic = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Interval:
    """An estimate with its two-sided 95 % interval."""

    center: float
    low: float
    high: float


def expanded_level(n: int, freedom: int | None = None) -> float:
    """Return the level at which a percentile interval of small samples keeps its 95 %.

    ``1 - 2 Phi(-sqrt(n / (n - 1)) t(freedom))``: resampling n values understates their variance by
    (n - 1) / n, and a normal quantile stands where Student's belongs; both matter below 30.

    Source: Hesterberg, What teachers should know about the bootstrap (2015), "expanded percentile
    interval".

    Args:
        n: size of the samples that are resampled, > 1.
        freedom: degrees of freedom of their variance; None takes n - 1.
    """
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, n - 1 if freedom is None else freedom))
    wide = math.sqrt(n / (n - 1)) * quantile
    return float(1 - 2 * stats.norm.cdf(-wide))


def over_seeds(statistic: Statistic, samples: Sequence[np.ndarray]) -> Interval | None:
    """Return the statistic with its interval for new seeds on the same tasks.

    The stratified bootstrap: the values of every task are resampled within it. None if a task has
    fewer than two values.

    Args:
        statistic: takes the samples and `axis`, vectorized.
        samples: one array of independent values per task (and optimizer).
    """
    sizes = [len(sample) for sample in samples]
    if min(sizes, default=0) < 2:
        return None
    found = stats.bootstrap(
        tuple(samples),
        statistic,
        paired=False,
        vectorized=True,
        method="percentile",
        n_resamples=RESAMPLES,
        batch=max(1, 2_000_000 // sum(sizes)),
        # A trimmed mean can rest on one task's values, so their number counts, not the total.
        confidence_level=expanded_level(min(sizes)),
        rng=np.random.default_rng(0),
    )
    low, high = found.confidence_interval
    return Interval(float(statistic(*samples, axis=-1)), float(low), float(high))


def over_tasks(statistic: Statistic, *groups: Sequence[np.ndarray]) -> Interval:
    """Return the statistic with its interval for new tasks like these.

    Tasks are resampled, the same ones for all groups, then the values within each of them.

    Args:
        statistic: takes the samples of all groups and `axis`, vectorized.
        groups: for each group (an optimizer) one array of values per task, at least two tasks.
    """
    rng, n = np.random.default_rng(0), len(groups[0])
    tasks = rng.integers(n, size=(RESAMPLES, n))
    slots = [slot for group in groups for slot in _redrawn(group, tasks, rng)]
    center = statistic(*(sample for group in groups for sample in group), axis=-1)
    return percentile(center, statistic(*slots, axis=-1), expanded_level(n))


def percentile(center: float | np.ndarray, drawn: np.ndarray, level: float) -> Interval:
    """Return the interval that holds the middle `level` of the drawn statistics."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(center), float(low), float(high))


def _redrawn(
    samples: Sequence[np.ndarray], tasks: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return for every slot of a resample its task's values drawn anew, T arrays [B, S]."""
    sizes = np.array([len(sample) for sample in samples])
    table = np.full((len(samples), sizes.max()), np.nan)
    for row, sample in zip(table, samples, strict=True):
        row[: len(sample)] = sample
    places = rng.random((*tasks.shape, sizes.min())) * sizes[tasks][..., None]
    return list(np.moveaxis(table[tasks[..., None], places.astype(int)], 1, 0))
