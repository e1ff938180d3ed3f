"""How much each knob matters: Sobol' indices of a surrogate, gated by its quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from analysis.baselines import parameters
from analysis.frames import Frames
from analysis.ped_anova import FEWEST as PED_FEWEST
from analysis.ped_anova import ped_anova
from analysis.ranges import ranges
from analysis.surrogate import FEWEST, Surrogate, fit_surrogate, refit
from flowadam.plan import Cell

TRUSTED_R2 = 0.8
POINTS = 2048
REFITS = 20
REFIT_POINTS = 512
REFIT_SHARE = 0.8


@dataclass(frozen=True)
class Knob:
    """The share of the score's variance that one knob explains.

    Args:
        first: first-order index, the knob alone.
        total: total index, with all interactions.
        low, high: central 90 % of `total` over refits on random 80 % of the configurations, each
            with a Monte-Carlo sample of its own. The surrogate's bias is not in it: that is what
            R^2 is for.
        ped: PED-ANOVA importance for reaching the best 10 %, None where it was refused.
    """

    name: str
    first: float
    total: float
    low: float
    high: float
    ped: float | None


@dataclass(frozen=True)
class Importance:
    """The knobs of one cell, largest total index first.

    Args:
        n, failed: configurations analysed, and how many of them failed (they share the worst rank).
        surrogate: the model behind the indices, None when refused.
        refused: why there are no indices, else empty.
        ped_refused: why there is no cross-check, else empty.
    """

    cell: Cell
    n: int
    failed: int
    surrogate: Surrogate | None
    knobs: tuple[Knob, ...]
    refused: str
    ped_refused: str

    @property
    def trusted(self) -> bool:
        return self.surrogate is not None and self.surrogate.r2 >= TRUSTED_R2


def importance(frames: Frames, cell: Cell) -> Importance:
    """Return how much each knob of a cell matters for the rank of the score.

    The score of a configuration enters as its rank among the n, over n; failed configurations
    share the worst rank. Knobs enter as unit coordinates, uniform on the cube.
    """
    names, units, scores = search_points(frames, cell)
    failed = int(np.isinf(scores).sum())
    refused = _refusal(frames, scores, len(names))
    if refused:
        return Importance(cell, len(scores), failed, None, (), refused, refused)
    target = stats.rankdata(scores) / len(scores)
    surrogate = fit_surrogate(units, target)
    levels = [r.levels for r in ranges(frames, cell)]
    ped = ped_anova(names, units, target) if len(scores) >= PED_FEWEST else {}
    knobs = _knobs(names, surrogate, units, target, levels, ped)
    reason = (
        "" if ped else f"PED-ANOVA needs at least {PED_FEWEST} configurations, got {len(scores)}"
    )
    return Importance(cell, len(scores), failed, surrogate, knobs, "", reason)


def search_points(frames: Frames, cell: Cell) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return knob names [d], unit coordinates [n, d] and scores [n], the default left out."""
    names = parameters(frames, cell)
    scores = {c: s for c, s in frames.elections[cell].scores.items() if c > 0}
    rows = frames.rows("search", cell).drop_duplicates("config").set_index("config")
    units = rows.reindex(sorted(scores)).filter(items=[f"u.{name}" for name in names])
    return names, units.to_numpy(dtype=float), np.array([scores[c] for c in sorted(scores)])


def _refusal(frames: Frames, scores: np.ndarray, knobs: int) -> str:
    if frames.study.adaptive:
        return (
            f"the sampler {frames.study.sampler} is adaptive: its points crowd where scores are "
            "good, while these indices need points spread evenly over the space"
        )
    if knobs < 2:
        return f"there is nothing to share out among {knobs} searched knobs"
    if len(scores) < FEWEST:
        return f"a surrogate needs at least {FEWEST} configurations, got {len(scores)}"
    if np.ptp(stats.rankdata(scores)) == 0:
        return "all configurations have the same score"
    return ""


def _knobs(
    names: Sequence[str],
    surrogate: Surrogate,
    units: np.ndarray,
    target: np.ndarray,
    levels: Sequence[int],
    ped: dict[str, float],
) -> tuple[Knob, ...]:
    sobol = _sobol(surrogate.model, levels, POINTS, seed=0)
    totals = _refit_totals(surrogate, units, target, levels)
    low, high = np.quantile(totals, [0.05, 0.95], axis=0).tolist()
    first, total = sobol.first_order.tolist(), sobol.total_order.tolist()
    knobs = [
        Knob(name, first[i], total[i], low[i], high[i], ped.get(name))
        for i, name in enumerate(names)
    ]
    return tuple(sorted(knobs, key=lambda knob: -knob.total))


def _refit_totals(
    surrogate: Surrogate, units: np.ndarray, target: np.ndarray, levels: Sequence[int]
) -> np.ndarray:
    """Return total indices [REFITS, d] of models fitted to random subsets."""
    rng = np.random.default_rng(0)
    size = round(REFIT_SHARE * len(target))
    totals = []
    for seed in range(1, REFITS + 1):
        some = rng.choice(len(target), size, replace=False)
        model = refit(surrogate.model, units[some], target[some])
        totals.append(_sobol(model, levels, REFIT_POINTS, seed).total_order)
    return np.array(totals)


def _sobol(model: Any, levels: Sequence[int], points: int, seed: int) -> Any:
    def predict(x: np.ndarray) -> np.ndarray:
        return model.predict(snap(x.T, levels))

    uniform = [stats.uniform()] * len(levels)
    rng = np.random.default_rng(seed)
    return stats.sobol_indices(func=predict, n=points, dists=uniform, rng=rng)


def snap(units: np.ndarray, levels: Sequence[int]) -> np.ndarray:
    """Move coordinates of choices and whole numbers to the middle of their level."""
    snapped = units.copy()
    for column, k in enumerate(levels):
        if k:
            snapped[:, column] = (np.minimum(np.floor(units[:, column] * k), k - 1) + 0.5) / k
    return snapped
