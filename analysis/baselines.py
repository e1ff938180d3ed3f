"""What a result is held against: constant predictors, and the optimizers it contains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.confirmed import Confirmed, readings
from analysis.frames import Arena, Frames
from analysis.intervals import Estimate, mean_interval
from flowadam.plan import Cell


@dataclass(frozen=True)
class Trivial:
    """A constant predictor of a task."""

    name: str
    val: float
    test: float


@dataclass(frozen=True)
class Inclusion:
    """The container set to the winner of an optimizer that it contains.

    Args:
        other: the contained optimizer, None when no cell has that configuration.
        config: the contained optimizer's configuration.
        knobs: parameters that the container has and the contained optimizer has not.
        failed: its runs that did not end well.
    """

    container: str
    other: str | None
    config: int
    test: Estimate | None
    knobs: int
    failed: int


def trivials(frames: Frames, arena: Arena) -> list[Trivial]:
    """Return the task's constant predictors, the best on the test part first."""
    t = frames.trials
    rows = t.loc[(t["phase"] == "trivial") & (t["task"] == arena.task)]
    columns = ["optimizer", "val_best", "test_best"]
    values = rows[columns].itertuples(index=False, name=None)
    found = [Trivial(str(name), float(val), float(test)) for name, val, test in values]
    return sorted((x for x in found if math.isfinite(x.test)), key=lambda x: x.test)


def worse_than_trivial(result: Confirmed, trivial: Sequence[Trivial]) -> bool | None:
    """Say whether the confirmed mean exceeds the best constant predictor; None without either."""
    return result.test.mean > trivial[0].test if result.test and trivial else None


def inclusions(frames: Frames, arena: Arena) -> list[Inclusion]:
    """Return the inclusion rows of an arena, one entry for each contained configuration."""
    found: list[Inclusion] = []
    for cell in frames.cells(arena):
        rows = frames.rows("inclusion", cell)
        names = rows["contained"].fillna("")
        kinds = {(int(c), str(n)) for c, n in zip(rows["config"], names, strict=True)}
        for config, name in sorted(kinds):
            group = rows.loc[(rows["config"] == config) & (names == name)]
            values = list(readings(frames, group).get(config, {}).values())
            other = _contained(frames, cell, group.iloc[0])
            if other and config not in frames.elections[other].elected:
                continue  # that winner was superseded when the study grew
            found.append(
                Inclusion(
                    cell.optimizer,
                    other.optimizer if other else None,
                    config,
                    mean_interval(values) if values else None,
                    _extra_knobs(frames, cell, other),
                    int((group["status"] != "ok").sum()),
                )
            )
    return found


def parameters(frames: Frames, cell: Cell) -> list[str]:
    """Return the names of the cell's search parameters, in the order of the table."""
    units = frames.rows("search", cell).filter(regex=r"^u\.").dropna(axis="columns", how="all")
    return [str(column).removeprefix("u.") for column in units.columns]


def _contained(frames: Frames, container: Cell, row: pd.Series) -> Cell | None:
    """Find the cell whose configuration of the same number has all its values in `row`."""
    for cell in frames.cells(Arena(container.task, container.budget)):
        search = frames.rows("search", cell)
        same = search.loc[search["config"] == row["config"]]
        names = [f"p.{name}" for name in parameters(frames, cell)]
        if names and cell != container and len(same) and (same.iloc[0][names] == row[names]).all():
            return cell
    return None


def _extra_knobs(frames: Frames, container: Cell, other: Cell | None) -> int:
    own = set(parameters(frames, container))
    return len(own - set(parameters(frames, other))) if other else 0
