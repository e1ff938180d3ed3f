"""Whether the comparison was equal and complete: facts to read before any ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import pandas as pd

from analysis.baselines import parameters
from analysis.frames import Arena, Frames
from analysis.ranges import ranges
from flowadam.plan import Cell

EDGE = 0.05


@dataclass(frozen=True)
class Edge:
    """A winner within 5 % of an edge of the space: the range may be too narrow."""

    config: int
    knob: str
    unit: float


@dataclass(frozen=True)
class CellHealth:
    """The state of one cell.

    Args:
        complete, used: configurations that have run from 1 on, and how many of them count.
        search, confirm: number of runs by status; confirm without superseded runs.
        short: good runs that ended before their budget.
        overshoot: the largest share of the budget used beyond it by a good run.
        edges: winners near an edge of the space.
        unelected: sub-studies whose configurations all failed.
        superseded: confirm runs of configurations that no longer win.
        read: configurations whose test metric was read, superseded ones and inclusion runs too.
        message: what the first run that raised said, else empty.
    """

    cell: Cell
    complete: int
    used: int
    search: Mapping[str, int]
    confirm: Mapping[str, int]
    short: int
    overshoot: float
    edges: tuple[Edge, ...]
    unelected: int
    superseded: int
    read: int
    message: str


def cell_health(frames: Frames, cell: Cell) -> CellHealth:
    """Return the state of one cell."""
    election = frames.elections[cell]
    search, confirm = frames.rows("search", cell), frames.rows("confirm", cell)
    current = confirm["config"].isin([0, *election.elected])
    runs = pd.concat([search, confirm])
    good = runs.loc[runs["status"] == "ok", "grad_evals"]
    excess = [int(used) - cell.budget for used in good.tolist()]
    raised = runs.loc[runs["status"] == "error", "message"]
    return CellHealth(
        cell=cell,
        complete=election.complete,
        used=election.trials,
        search=statuses(search),
        confirm=statuses(confirm.loc[current]),
        short=sum(used < 0 for used in excess),
        overshoot=max([0, *excess]) / cell.budget,
        edges=tuple(_edges(frames, cell, search)),
        unelected=election.winners.count(None),
        superseded=len(confirm.loc[~current]),
        read=_test_reads(frames, cell),
        message=str(raised.iloc[0]) if len(raised) else "",
    )


def statuses(rows: pd.DataFrame) -> dict[str, int]:
    """Return the number of runs by status."""
    return dict(Counter(str(status) for status in rows["status"]))


def missing_cells(frames: Frames) -> list[tuple[str, str]]:
    """Return every (task, optimizer) of the study without a single search run."""
    present = {(cell.task, cell.optimizer) for cell in frames.elections}
    return [p for p in product(frames.study.task, frames.study.optimizer) if p not in present]


def unequal_ranges(frames: Frames, arena: Arena) -> dict[str, dict[str, str]]:
    """Return knob -> optimizer -> range for knobs that share a name but not a range."""
    found: dict[str, dict[str, str]] = {}
    for cell in frames.cells(arena):
        for r in ranges(frames, cell):
            if r.low is not None or r.options:
                found.setdefault(r.name, {})[cell.optimizer] = r.text()
    return {knob: texts for knob, texts in found.items() if len(set(texts.values())) > 1}


def _edges(frames: Frames, cell: Cell, search: pd.DataFrame) -> list[Edge]:
    """Return the winners' coordinates near an edge; a choice has no edges."""
    rows = search.drop_duplicates("config").set_index("config")
    choices = {r.name for r in ranges(frames, cell) if r.options}
    knobs = [name for name in parameters(frames, cell) if name not in choices]
    pairs = product(frames.elections[cell].elected, knobs)
    units = [Edge(config, knob, float(rows.at[config, f"u.{knob}"])) for config, knob in pairs]
    return [edge for edge in units if not EDGE <= edge.unit <= 1 - EDGE]


def _test_reads(frames: Frames, cell: Cell) -> int:
    """Count the configurations, by phase, whose test part was read."""
    phases = (frames.rows(phase, cell) for phase in ("confirm", "inclusion"))
    read = (rows.loc[rows["test_best"].notna(), ["config", "contained"]] for rows in phases)
    return sum(len(rows.drop_duplicates()) for rows in read)
