"""Store -> tidy frames: what every analysis starts from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowadam.plan import Cell
from flowadam.store import Store
from flowadam.study import Study
from flowadam.winners import Election, elections, in_study

FOCUS = "flowadam"
RUN = ["phase", "task", "optimizer", "budget", "config", "seed", "contained"]
ELECTION_COLUMNS = [*RUN, "status", "val_best", "val_final"]


@dataclass(frozen=True, order=True)
class Arena:
    """What can be compared: one task at one budget."""

    task: str
    budget: int


@dataclass(frozen=True)
class Frames:
    """A study's rows and who won its search.

    Args:
        trials: one row a run, trivial predictors included; of a run that stands twice (its space
            or data changed) the later row.
        curves: the curve points of those runs.
        stale: rows dropped for that reason.
        elections: the outcome of the search by cell, in the order of the study.
        environments: the distinct environments that wrote the Parquet parts.
        probes: what probes read in those runs.
    """

    study: Study
    trials: pd.DataFrame
    curves: pd.DataFrame
    stale: int
    elections: dict[Cell, Election]
    environments: tuple[dict[str, Any], ...]
    probes: pd.DataFrame

    @cached_property
    def arenas(self) -> tuple[Arena, ...]:
        return tuple(dict.fromkeys(Arena(cell.task, cell.budget) for cell in self.elections))

    @cached_property
    def common(self) -> int:
        """The largest common number of configurations, N."""
        return max((e.trials for e in self.elections.values()), default=0)

    @property
    def effort(self) -> int:
        """Configurations that a winner is the best of: those of one sub-study, rounded down."""
        return self.common // min(self.study.substudies, self.common) if self.common else 0

    @property
    def focus(self) -> str:
        """The optimizer whose knobs are looked at: FlowAdam, else the study's first."""
        return FOCUS if FOCUS in self.study.optimizer else self.study.optimizer[0]

    @property
    def optimizers(self) -> list[str]:
        """The study's optimizers with the focus first: the order of tables and of colors."""
        return sorted(self.study.optimizer, key=lambda name: name != self.focus)

    def cells(self, arena: Arena) -> list[Cell]:
        """Return the arena's cells with the focus first, then in the order of the study."""
        found = [c for c in self.elections if (c.task, c.budget) == (arena.task, arena.budget)]
        return sorted(found, key=lambda cell: cell.optimizer != self.focus)

    def rows(self, phase: str, cell: Cell) -> pd.DataFrame:
        """Return the runs of one phase in one cell."""
        key = (phase, cell.task, cell.optimizer, cell.budget)
        return self._by_cell[key] if key in self._by_cell else self.trials.iloc[:0]

    @cached_property
    def _by_cell(self) -> dict[Any, pd.DataFrame]:
        return dict(iter(self.trials.groupby(RUN[:4], sort=False)))

    def label(self, arena: Arena) -> str:
        """Name the arena by its task, and by its budget where the task has several."""
        several = sum(other.task == arena.task for other in self.arenas) > 1
        return f"{arena.task} at {arena.budget:,} gradients" if several else arena.task


def load(folder: Path) -> Frames:
    """Read a study's folder.

    Raises:
        InputError: the folder holds no study.
    """
    store = Store(folder)
    study, trials, curves, probes = store.study, store.trials(), store.curves(), store.probes()
    mine = [row["phase"] == "trivial" or in_study(study, row) for row in _records(trials, RUN)]
    kept = trials.loc[np.asarray(mine, dtype=bool)]
    newest = kept.drop_duplicates(RUN, keep="last").reset_index(drop=True)
    return Frames(
        study,
        newest,
        curves.loc[curves["key"].isin(newest["key"])],
        len(kept) - len(newest),
        elections(study, _records(newest, ELECTION_COLUMNS)),
        tuple(store.environments()),
        probes.loc[probes["key"].isin(newest["key"])],
    )


def _records(frame: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    rows = frame.filter(items=columns).itertuples(index=False, name=None)
    return [dict(zip(columns, row, strict=True)) for row in rows]
