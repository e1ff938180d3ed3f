"""Confirm runs of one cell as a table winner x seed, failures included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.frames import Frames
from flowadam.plan import CONFIRM_SEED_START, Cell


@dataclass(frozen=True)
class ConfirmGrid:
    """The confirm runs of a cell's winners.

    Args:
        winners: elected configurations with confirm runs, in the order of the sub-studies, [K];
            none where the search found none, and then all K x S results are +inf.
        seeds: their confirm seeds, [S].
        val, test: metric at the selected point, [K, S]; +inf for a run that did not end well, NaN
            for one that is not there.
    """

    cell: Cell
    winners: tuple[int, ...]
    seeds: tuple[int, ...]
    val: np.ndarray
    test: np.ndarray

    @property
    def by_seed(self) -> np.ndarray:
        """Test metric by seed, averaged over the winners, of seeds on which all have run."""
        return full(self.test).mean(axis=0) if self.test.size else np.empty(0)

    @property
    def mean(self) -> float:
        """Mean test metric; +inf if any run did not end well, NaN without any run."""
        return float(self.by_seed.mean()) if len(self.by_seed) else float("nan")


def failed_grid(frames: Frames, cell: Cell) -> ConfirmGrid:
    """Return the results of a cell whose search ended without a winner: +inf on every seed."""
    study = frames.study
    seeds = tuple(range(CONFIRM_SEED_START, CONFIRM_SEED_START + study.confirm_seeds))
    never = np.full((min(study.substudies, frames.common), len(seeds)), np.inf)
    return ConfirmGrid(cell, (), seeds, never, never)


def full(values: np.ndarray) -> np.ndarray:
    """Return the columns (seeds) without a missing run, [K, S]."""
    return values[:, ~np.isnan(values).any(axis=0)]


def good(values: np.ndarray) -> np.ndarray:
    """Return the columns (seeds) on which every run is there and ended well, [K, S]."""
    return values[:, np.isfinite(values).all(axis=0)]


def confirm_grid(frames: Frames, cell: Cell) -> ConfirmGrid:
    """Return the confirm runs of the cell's winners; the default and superseded ones are out."""
    election = frames.elections.get(cell)
    rows = frames.rows("confirm", cell)
    rows = rows.loc[rows["config"].isin(election.elected if election else [])]
    present = set(rows["config"])
    winners = tuple(c for c in (election.elected if election else []) if c in present)
    seeds = tuple(sorted(int(seed) for seed in set(rows["seed"])))
    tables = (
        _table(rows, f"{split}_{frames.study.selection}", winners, seeds)
        for split in ("val", "test")
    )
    return ConfirmGrid(cell, winners, seeds, *tables)


def _table(
    rows: pd.DataFrame, name: str, winners: tuple[int, ...], seeds: tuple[int, ...]
) -> np.ndarray:
    values = rows[name].astype(float).where(rows["status"] == "ok", np.inf).fillna(np.inf)
    table = pd.Series(values.to_numpy(), index=[rows["config"], rows["seed"]]).unstack()
    if not winners:
        return np.empty((0, len(seeds)))
    return table.reindex(index=list(winners), columns=list(seeds)).to_numpy(dtype=float)
