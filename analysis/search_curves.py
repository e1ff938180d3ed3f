"""The stored curves of a search as one table: what an early-stopping rule would have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.frames import Frames
from analysis.guards import search_scores
from flowadam.plan import Cell


@dataclass(frozen=True)
class SearchCurves:
    """The search curves of one cell.

    Args:
        fractions: share of the budget at each mark, increasing up to 1, [F].
        values: what a rule sees of configurations 1..N at each mark, [N, F], a mean over the
            search seeds; +inf from where one of the runs failed.
        costs: share of the budget that each configuration has used at each mark, [N, F].
        scores: score of each configuration, [N].
    """

    fractions: np.ndarray
    values: np.ndarray
    costs: np.ndarray
    scores: np.ndarray


def search_curves(frames: Frames, cell: Cell) -> SearchCurves | None:
    """Return the curves of configurations 1..N, None if a run that ended well has none.

    A rule sees what the study selects by: the lowest validation reading so far for "best", the
    latest one for "final". A mark that a run skipped keeps the reading before it.
    """
    rows = frames.rows("search", cell)
    rows = rows.loc[rows["config"].between(1, frames.elections[cell].trials)]
    points = frames.curves.loc[frames.curves["key"].isin(rows["key"])]
    table = points.pivot_table(index="key", columns="fraction", values="val", aggfunc="last")
    if not set(rows.loc[rows["status"] == "ok", "key"]) <= set(table.index):
        return None
    fractions = table.columns.to_numpy(dtype=float)
    values = table.reindex(rows["key"]).to_numpy(dtype=float)
    ended = _last_mark(values)
    failed = (rows["status"] != "ok").to_numpy()
    seen = _seen(values, best=frames.study.selection == "best")
    seen[failed[:, None] & (np.arange(len(fractions)) > ended[:, None])] = np.inf
    used = np.minimum(fractions, np.where(failed, fractions[ended], 1.0)[:, None])
    configs = rows["config"].to_numpy()
    return SearchCurves(
        fractions, _means(seen, configs), _means(used, configs), search_scores(frames, cell)
    )


def _last_mark(values: np.ndarray) -> np.ndarray:
    """Return the position of the last reading of each run, 0 without any, [R]."""
    known = ~np.isnan(values)
    return np.where(known.any(axis=1), values.shape[1] - 1 - known[:, ::-1].argmax(axis=1), 0)


def _seen(values: np.ndarray, *, best: bool) -> np.ndarray:
    """Return the readings without gaps; +inf before the first one."""
    table = pd.DataFrame(values)
    filled = (table.cummin(axis=1) if best else table).ffill(axis=1)
    return filled.fillna(np.inf).to_numpy(copy=True)


def _means(values: np.ndarray, configs: np.ndarray) -> np.ndarray:
    """Return the mean over the runs of each configuration, in the order of their numbers."""
    return np.array([values[configs == config].mean(axis=0) for config in np.unique(configs)])
