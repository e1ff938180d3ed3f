"""Gradient evaluations that every confirm run needed to reach a validation value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.confirm_grid import ConfirmGrid
from analysis.frames import Arena, Frames
from analysis.roster import Roster

REFERENCES = ("adamw", "adam")


@dataclass(frozen=True)
class Race:
    """Confirm runs of all optimizers on one task, for every value that can be the target.

    Args:
        targets: best validation values of the references' runs, ascending, [C]; +inf at the end
            stands for a run that did not end well.
        best: reference -> position in `targets` of each of its runs, [K, S].
        gradients: optimizer -> gradient evaluations to each target, [K, S, C], at least 1; +inf
            where a run never got there or did not end well.
    """

    arena: Arena
    targets: np.ndarray
    best: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]

    @property
    def at_start(self) -> bool:
        """Whether a reference's median best value is that of its initialization: no race."""
        medians = {name: lower_median(best) for name, best in self.best.items()}
        setter = min(medians, key=lambda name: medians[name])
        return bool(lower_median(self.gradients[setter][..., medians[setter]]) <= 1)


def lower_median(values: np.ndarray) -> np.ndarray:
    """Return the lower median over the last two axes: a value that half of the runs reach."""
    flat = values.reshape(*values.shape[:-2], -1)
    middle = (flat.shape[-1] - 1) // 2
    return np.partition(flat, middle, axis=-1)[..., middle]


@dataclass(frozen=True)
class _Curves:
    """Running minimum and gradient evaluations by run (key) and mark of the budget."""

    val: pd.DataFrame
    grad_evals: pd.DataFrame


def races(frames: Frames, who: Roster) -> list[Race]:
    """Return the race of every task of the roster; none without AdamW or Adam in it."""
    references = [name for name in REFERENCES if name in who.family]
    if not references:
        return []
    curves = _curves(frames)
    return [_race(frames, who, arena, references, curves) for arena in who.arenas]


def _race(
    frames: Frames, who: Roster, arena: Arena, references: list[str], curves: _Curves
) -> Race:
    paths = {o: _paths(frames, who.grids[o, arena], curves) for o in who.optimizers}
    ends = {name: paths[name][0][..., -1] for name in references}
    targets = np.unique(np.concatenate([end.ravel() for end in ends.values()]))
    return Race(
        arena,
        targets,
        {name: np.searchsorted(targets, end) for name, end in ends.items()},
        {o: _to_targets(val, used, targets) for o, (val, used) in paths.items()},
    )


def _curves(frames: Frames) -> _Curves:
    t = frames.trials
    keys = t.loc[(t["phase"] == "confirm") & (t["status"] == "ok"), "key"]
    points = frames.curves.loc[frames.curves["key"].isin(keys)]
    val = points.pivot_table(index="key", columns="fraction", values="val", aggfunc="min")
    used = points.pivot_table(index="key", columns="fraction", values="grad_evals", aggfunc="max")
    return _Curves(val.cummin(axis=1).ffill(axis=1), used)


def _paths(frames: Frames, grid: ConfirmGrid, curves: _Curves) -> tuple[np.ndarray, np.ndarray]:
    """Return running minimum and gradient evaluations, [K, S, P], of seeds that all winners ran."""
    if not grid.winners:
        never = np.full((*grid.test.shape, curves.val.shape[1]), np.inf)
        return never, never
    rows = frames.rows("confirm", grid.cell)
    keys = rows.set_index(["config", "seed"])["key"]
    seeds = np.array(grid.seeds)[~np.isnan(grid.test).any(axis=0)]
    wanted = [keys[winner, seed] for winner in grid.winners for seed in seeds]
    shape = (len(grid.winners), len(seeds), -1)
    val, used = (
        frame.reindex(wanted).to_numpy(dtype=float, na_value=np.inf).reshape(shape)
        for frame in (curves.val, curves.grad_evals)
    )
    return val, used


def _to_targets(val: np.ndarray, used: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the gradient evaluations at the first mark whose running minimum is low enough."""
    reached = val[..., None, :] <= np.where(np.isfinite(targets), targets, -np.inf)[:, None]
    first = np.take_along_axis(used[..., None, :], reached.argmax(axis=-1)[..., None], axis=-1)
    return np.where(reached.any(axis=-1), np.maximum(first[..., 0], 1), np.inf)
