"""Results over all tasks in one number: interquartile mean, probability of improvement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from analysis.bootstrap import Interval, Statistic, over_seeds, over_tasks
from analysis.intervals import exact_interval
from analysis.roster import FEWEST_TASKS

CUT = 0.25


@dataclass(frozen=True)
class Aggregate:
    """One number over all tasks.

    Args:
        seeds: with its interval for new seeds on the same tasks.
        tasks: with its interval for new tasks like these, None below eight tasks.
        n_tasks, n_seeds: number of tasks, and of seeds on the task that has fewest.
    """

    seeds: Interval
    tasks: Interval | None
    n_tasks: int
    n_seeds: int


def iqm(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the mean of the middle half of all values of all samples, along `axis`.

    The quarter of the lowest and that of the highest values are left out, each rounded down to
    whole values.

    Source: Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice
    (2021).
    """
    return stats.trim_mean(np.concatenate(samples, axis=axis), CUT, axis=axis)


def improvement(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return ``1/T sum_t mean_ij [x_ti < y_tj] + [x_ti = y_tj] / 2`` along `axis`.

    The probability that a run of x has a lower loss than one of y, on a task drawn at random from
    the T; the source counts higher scores as better.

    Source: as `iqm`.

    Args:
        samples: x_1, ..., x_T, y_1, ..., y_T.
    """
    half = len(samples) // 2
    x, y = ([np.moveaxis(s, axis, -1) for s in part] for part in (samples[:half], samples[half:]))
    return np.mean([_below(a, b) for a, b in zip(x, y, strict=True)], axis=0)


def _below(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    a, b = x[..., :, None], y[..., None, :]
    return (np.mean(a < b, axis=(-2, -1)) + np.mean(a <= b, axis=(-2, -1))) / 2


def interquartile_mean(samples: Sequence[np.ndarray]) -> Aggregate | None:
    """Return the interquartile mean over task x seed, None without two seeds on each task.

    Args:
        samples: the values of each task, by seed.
    """
    return _aggregate(iqm, samples)


def probability_of_improvement(
    x: Sequence[np.ndarray], y: Sequence[np.ndarray]
) -> Aggregate | None:
    """Return the probability that x improves on y, None without two seeds on each task.

    Seeds of x and y are drawn apart although their initialization is common, which widens the
    interval. Where all pairs agree, the interval is Clopper and Pearson's for as many pairs as
    there are seeds, and for new tasks for as many as there are tasks.

    Args:
        x, y: the test metric on each task, by seed; +inf for a run that did not end well.
    """
    found = _aggregate(improvement, x, y)
    if found is None or 0 < found.seeds.center < 1:
        return found
    return replace(
        found,
        seeds=_certain(found.seeds.center, found.n_tasks * found.n_seeds),
        tasks=found.tasks and _certain(found.seeds.center, found.n_tasks),
    )


def _certain(center: float, n: int) -> Interval:
    """Return the exact interval of n independent pairs that all agree; resampling sees no other."""
    return Interval(center, *exact_interval(round(center) * n, n))


def _aggregate(statistic: Statistic, *groups: Sequence[np.ndarray]) -> Aggregate | None:
    samples = [sample for group in groups for sample in group]
    seeds = over_seeds(statistic, samples)
    if seeds is None:
        return None
    many = len(groups[0]) >= FEWEST_TASKS
    return Aggregate(
        seeds,
        over_tasks(statistic, *groups) if many else None,
        len(groups[0]),
        min(map(len, samples)),
    )
