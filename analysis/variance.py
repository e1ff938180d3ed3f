"""Where the spread of confirmed results comes from: seeds, or another tuning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.bootstrap import Interval, percentile
from analysis.confirm_grid import confirm_grid, good
from analysis.frames import Arena, Frames
from analysis.intervals import LEVEL
from flowadam.plan import Cell

DRAWS = 9999
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Components:
    """Variance components of one cell's confirmed test metric.

    Args:
        seeds: between runs of one winner on different seeds.
        substudies: between the winners of different sub-studies, 0 where the estimate is negative;
            None where `reason` says why.
        share: ``substudies / (substudies + seeds)``; None likewise.
        n_winners, n_seeds: size of the table.
        reason: why the sub-studies' part is not there, else empty.
    """

    cell: Cell
    seeds: Interval
    substudies: Interval | None
    share: Interval | None
    n_winners: int
    n_seeds: int
    reason: str


def variance(frames: Frames, arena: Arena) -> list[Components]:
    """Return the components of every cell of an arena with at least three complete seeds."""
    found = [_components(frames, cell) for cell in frames.cells(arena)]
    return [components for components in found if components]


def _components(frames: Frames, cell: Cell) -> Components | None:
    table = good(confirm_grid(frames, cell).test)
    n_winners, n_seeds = table.shape
    if n_winners == 0 or n_seeds < FEWEST_SEEDS:
        return None
    seeds, substudies, share = decompose(table)
    reason = _obstacle(frames, n_winners)
    return Components(
        cell,
        seeds,
        None if reason else substudies,
        None if reason else share,
        n_winners,
        n_seeds,
        reason,
    )


def _obstacle(frames: Frames, winners: int) -> str:
    if frames.study.adaptive:
        return f"{frames.study.sampler} is adaptive, so its winners are not independent"
    return "one winner has no spread" if winners < 2 else ""


def decompose(table: np.ndarray) -> tuple[Interval, Interval | None, Interval | None]:
    """Return the variance between seeds, between winners, and the latter's share.

    The model is ``y_ks = mu + a_k + b_s + e_ks``, all normal: winner k, seed s (whose
    initialization is common to the winners) and the rest. With the mean squares A of winners, B of
    seeds and E of the rest: between winners ``max(0, (A - E) / S)``, between seeds of one winner
    ``B / K + (1 - 1/K) E``, the mean of the winners' own variances. Intervals are generalized
    ones: every sum of squares is divided by draws of its chi-squared variable, and the same
    formulas make a distribution of each component.

    Source: Weerahandi, Generalized confidence intervals (1993).

    Args:
        table: metric, [K, S], S >= 2; with one winner only the first part exists.
    """
    (k, s), (winners, seeds, rest) = table.shape, _squares(table)
    rng = np.random.default_rng(0)
    level, b = LEVEL, seeds / (s - 1)
    drawn_b = seeds / rng.chisquare(s - 1, DRAWS)
    if k == 1:
        return percentile(b, drawn_b, level), None, None
    e, drawn_e = rest / ((k - 1) * (s - 1)), rest / rng.chisquare((k - 1) * (s - 1), DRAWS)
    a, drawn_a = winners / (k - 1), winners / rng.chisquare(k - 1, DRAWS)
    between, drawn_between = np.maximum(0, (a - e) / s), np.maximum(0, (drawn_a - drawn_e) / s)
    within, drawn_within = b / k + (1 - 1 / k) * e, drawn_b / k + (1 - 1 / k) * drawn_e
    return (
        percentile(within, drawn_within, level),
        percentile(between, drawn_between, level),
        percentile(_share(between, within), _share(drawn_between, drawn_within), level),
    )


def _squares(table: np.ndarray) -> tuple[float, float, float]:
    """Return the sums of squares of winners, seeds and the rest."""
    k, s = table.shape
    mean, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    rest = table - rows[:, None] - columns[None, :] + mean
    return (
        float(s * np.sum((rows - mean) ** 2)),
        float(k * np.sum((columns - mean) ** 2)),
        float(np.sum(rest**2)),
    )


def _share(part: np.ndarray, rest: np.ndarray) -> np.ndarray:
    total = part + rest
    return np.divide(part, total, out=np.zeros_like(total), where=total > 0)
