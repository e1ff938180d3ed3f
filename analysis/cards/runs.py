"""Card: what ran, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis.card import Card, Group, Table, Value
from analysis.frames import Frames
from analysis.health import CellHealth, cell_health
from analysis.text import count, percent

HEAD = (
    "optimizer",
    "budget",
    "configurations",
    "search runs",
    "confirm runs",
    "largest overshoot",
    "superseded",
    "test readings",
)
CAVEAT = (
    "Configurations: complete ones, and how many of them count (the largest common N). Runs by "
    "status. Budget in gradient evaluations of one run, counted in the closure."
)


def runs_card(frames: Frames) -> Card:
    """Return the card that counts configurations and runs of every cell."""
    groups = []
    for arena in frames.arenas:
        found = [cell_health(frames, cell) for cell in frames.cells(arena)]
        groups.append(Group(frames.label(arena), tuple(_row(health) for health in found)))
    runs = frames.trials.loc[frames.trials["phase"] != "trivial"]
    total = sum(int(used) for used in runs["grad_evals"].tolist())
    headline = f"{count(len(runs), 'run')}, {total:,} gradient evaluations, {_hours(frames)}."
    return Card(
        "What ran?", (headline,), None, Table(HEAD, tuple(groups)) if groups else None, CAVEAT
    )


def _hours(frames: Frames) -> str:
    seconds = math.fsum(frames.trials["seconds"].tolist())
    return f"{seconds / 3600:.1f} core-hours" if seconds > 3600 else f"{seconds:.0f} core-seconds"


def _row(h: CellHealth) -> tuple[Value, ...]:
    return (
        h.cell.optimizer,
        f"{h.cell.budget:,}",
        f"{h.complete}, {h.used} count",
        _statuses(h.search),
        _statuses(h.confirm),
        percent(h.overshoot, signed=False),
        str(h.superseded),
        str(h.read),
    )


def _statuses(found: Mapping[str, int]) -> str:
    order = sorted(found, key=lambda status: (status != "ok", status))
    return ", ".join(f"{found[status]} {status}" for status in order) or "none"
