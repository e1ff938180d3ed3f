"""Normalized regret: confirmed results of all tasks on one scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.confirm_grid import full
from analysis.frames import Arena, Frames
from analysis.guards import search_scores
from analysis.roster import Roster
from flowadam.plan import Cell

REFERENCE = "adamw"


@dataclass(frozen=True)
class Scale:
    """The two constants of a task, the same for every optimizer.

    Args:
        best: L_best, the lowest test metric of any confirm run on the task.
        reference: L_ref, the median score of the source's search plus `gap`, +inf where half of it
            failed. The score is a validation metric, for the search never reads the test part.
        source: whose search: "adamw", else "all optimizers".
        n: configurations behind the median.
        gap: median of (test - validation) over the source's confirm runs, which turns the score
            into a test metric: the two parts may differ by more than optimizers do.
    """

    arena: Arena
    best: float
    reference: float
    source: str
    n: int
    gap: float = 0.0

    @property
    def room(self) -> float:
        """``L_ref - L_best``."""
        return self.reference - self.best

    @property
    def obstacle(self) -> str:
        """Say why there is no regret on this task, or return the empty string."""
        if not math.isfinite(self.reference):
            return f"the median score of {self.source} did not end well"
        if not self.room > 0:
            return f"no confirmed run is below L_ref, the median score of {self.source}"
        return ""

    def regret(self, values: np.ndarray) -> np.ndarray:
        """Return ``(L - L_best) / (L_ref - L_best)`` clipped to [0, 1]; +inf gives 1, NaN stays."""
        return np.clip((values - self.best) / self.room, 0.0, 1.0)


@dataclass(frozen=True)
class Regrets:
    """Normalized regret of every optimizer on every task that has a scale.

    Args:
        scales: the constants of all tasks, those without a regret too.
        values: optimizer -> per task with a regret the values by seed, each the mean over the
            sub-studies' winners, [S].
        clipped: per task with a regret, the share of runs at 1.
    """

    scales: tuple[Scale, ...]
    values: Mapping[str, tuple[np.ndarray, ...]]
    clipped: Mapping[Arena, float]

    @property
    def tasks(self) -> tuple[Scale, ...]:
        """The scales of the tasks that have a regret, in the order of `values`."""
        return tuple(scale for scale in self.scales if not scale.obstacle)

    def means(self, name: str) -> np.ndarray:
        """Return the mean regret of an optimizer by task, [T]."""
        return np.array([values.mean() for values in self.values[name]])


def regrets(frames: Frames, who: Roster) -> Regrets:
    """Return the normalized regret of everybody in the roster.

    The constants do not depend on the set that is compared as long as it holds the reference and
    the best result, so adding a rival does not change the order of two others.
    """
    scales = tuple(_scale(frames, arena) for arena in who.arenas)
    used = [scale for scale in scales if not scale.obstacle]
    runs = {
        name: [scale.regret(full(who.grids[name, scale.arena].test)) for scale in used]
        for name in who.optimizers
    }
    values = {name: tuple(r.mean(axis=0) for r in found) for name, found in runs.items()}
    clipped = {
        scale.arena: float(np.mean(np.concatenate([r[i].ravel() for r in runs.values()]) == 1))
        for i, scale in enumerate(used)
        if runs
    }
    return Regrets(scales, values, clipped)


def _scale(frames: Frames, arena: Arena) -> Scale:
    mine = Cell(arena.task, REFERENCE, arena.budget)
    known = mine in frames.elections and frames.elections[mine].trials > 0
    cells = [mine] if known else frames.cells(arena)
    scores = [score for cell in cells for score in search_scores(frames, cell)]
    median = float(np.quantile(scores, 0.5, method="inverted_cdf")) if scores else math.inf
    source, gap = REFERENCE if known else "all optimizers", _gap(frames, cells)
    return Scale(arena, _best(frames, arena.task), median + gap, source, len(scores), gap)


def _gap(frames: Frames, cells: Sequence[Cell]) -> float:
    """Return the median of (test - validation) over the confirm runs of `cells`, 0 without any."""
    selection = frames.study.selection
    rows = pd.concat([frames.rows("confirm", cell) for cell in cells])
    rows = rows.loc[rows["status"] == "ok"]
    gaps = (rows[f"test_{selection}"] - rows[f"val_{selection}"]).dropna()
    return float(gaps.median()) if len(gaps) else 0.0


def _best(frames: Frames, task: str) -> float:
    """Return the lowest test metric of any confirm run, at any budget, the default's too."""
    t = frames.trials
    rows = t.loc[(t["phase"] == "confirm") & (t["task"] == task) & (t["status"] == "ok")]
    values = rows[f"test_{frames.study.selection}"].dropna()
    return float(values.min()) if len(values) else math.inf
