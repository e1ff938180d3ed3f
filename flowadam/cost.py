"""What a study will cost, judged by short runs of its cells."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from flowadam.curve import MARKS
from flowadam.outcome import Outcome, encode
from flowadam.plan import Cell
from flowadam.schedule import Schedule
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.task import Task
from flowadam.trial import run_trial

GRADIENTS = 12
CELL_SECONDS = 10.0
TOTAL_SECONDS = 20.0
PARQUET = 1.3
"""Bytes of ledger and Parquet together over those of the ledger."""


@dataclass(frozen=True)
class Pilot:
    """What a run of a cell takes; a confirm run is one replica of a whole block.

    Args:
        search, confirm: core seconds of one run in each phase.
        size: bytes that it leaves on the disk.
        failed: what the optimizer or the task said, else empty.
    """

    search: float
    confirm: float
    size: float
    failed: str = ""


def pilots(
    study: Study, tasks: Mapping[str, Task], specs: Mapping[str, OptimizerSpec], mine: list[Cell]
) -> dict[Cell, Pilot]:
    """Run the default configuration of each cell for a few gradients and extrapolate.

    Cells are tried task by task in turn until twenty seconds have passed; those that are left take
    the most expensive pilot of their task, and have none where their task has none.
    """
    began = time.monotonic()
    found: dict[Cell, Pilot] = {}
    for cell in _in_turn(mine):
        if time.monotonic() - began > TOTAL_SECONDS:
            break
        found[cell] = pilot(study, tasks[cell.task], specs[cell.optimizer], cell.budget)
    for cell in mine:
        same = [p for c, p in found.items() if (c.task, c.budget) == (cell.task, cell.budget)]
        if cell not in found and same:
            found[cell] = max(same, key=lambda p: p.search)
    return found


def pilot(study: Study, task: Task, spec: OptimizerSpec, budget: int) -> Pilot:
    """Return what a run of `budget` gradients takes, from two runs of twelve, stacked or not."""
    search, confirm = (
        _short_run(study, task, spec, min(GRADIENTS, budget), replicas)
        for replicas in (study.search_blocks[0], study.confirm_blocks[0])
    )
    for one in (search, confirm):
        if one.status not in ("ok", "diverged") or not one.cost.grad_evals:
            return Pilot(0.0, 0.0, 0.0, f"{one.status}: {one.message}")
    size = len(encode([search])) / len(search.curve) * PARQUET
    return Pilot(_seconds(search, budget), _seconds(confirm, budget), size * _points(budget))


def confirm_share(found: Iterable[Pilot]) -> float:
    """Return the seconds of confirm runs over those of as many search runs; 1 without a pilot."""
    known = [p for p in found if not p.failed]
    search = sum(p.search for p in known)
    return sum(p.confirm for p in known) / search if search else 1.0


def _short_run(
    study: Study, task: Task, spec: OptimizerSpec, budget: int, replicas: int
) -> Outcome:
    """Return the first replica of the second of two equal runs of the default configuration."""
    run = partial(
        run_trial,
        *(task, spec, spec.defaults, range(replicas), budget),
        device=study.device,
        dtype=study.dtype,
        time_limit=CELL_SECONDS,
        schedule=Schedule(study.schedule, study.warmup),
    )
    run()  # draws or reads the data, loads libraries
    return run()[0]


def _seconds(one: Outcome, budget: int) -> float:
    """Extrapolate the seconds of a run; its curve has about as many points at every budget."""
    steps = one.curve[-1].seconds
    per_point = max(0.0, one.cost.seconds - steps) / len(one.curve)
    return steps / one.cost.grad_evals * budget + per_point * _points(budget)


def _points(budget: int) -> int:
    return min(MARKS, budget) + 1


def _in_turn(mine: list[Cell]) -> Iterable[Cell]:
    """Yield the first cell of every task, then the second of each, and so on."""
    by_task: dict[tuple[str, int], list[Cell]] = {}
    for cell in mine:
        by_task.setdefault((cell.task, cell.budget), []).append(cell)
    longest = max(map(len, by_task.values()))
    return (cells[i] for i in range(longest) for cells in by_task.values() if i < len(cells))
