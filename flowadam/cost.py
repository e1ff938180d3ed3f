"""What a study will cost, judged by short runs of its cells."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flowadam.curve import MARKS
from flowadam.outcome import encode
from flowadam.plan import Cell
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
    try:
        search = _seconds(study, task, spec, budget, study.search_blocks[:1])
        confirm = _seconds(study, task, spec, budget, study.confirm_blocks[:1])
    except RuntimeError as error:
        return Pilot(0.0, 0.0, 0.0, str(error))
    return Pilot(search[0], confirm[0], search[1])


def _seconds(
    study: Study, task: Task, spec: OptimizerSpec, budget: int, block: Sequence[int]
) -> tuple[float, float]:
    """Return seconds per run of a whole budget, and the bytes of its rows."""
    short = min(GRADIENTS, budget)
    arguments = task, spec, spec.defaults, range(block[0]), short
    options = {"device": study.device, "dtype": study.dtype, "time_limit": CELL_SECONDS}
    run_trial(*arguments, **options)  # draws or reads the data, loads libraries
    outcomes = run_trial(*arguments, **options)
    one = outcomes[0]
    if one.status not in ("ok", "diverged") or not one.cost.grad_evals:
        raise RuntimeError(f"{one.status}: {one.message}")
    steps = one.curve[-1].seconds
    per_point = max(0.0, one.cost.seconds - steps) / len(one.curve)
    size = len(encode([one])) / len(one.curve) * PARQUET
    marks = min(MARKS, budget) + 1
    return steps / one.cost.grad_evals * budget + per_point * marks, size * marks


def _in_turn(mine: list[Cell]) -> Iterable[Cell]:
    """Yield the first cell of every task, then the second of each, and so on."""
    by_task: dict[tuple[str, int], list[Cell]] = {}
    for cell in mine:
        by_task.setdefault((cell.task, cell.budget), []).append(cell)
    longest = max(map(len, by_task.values()))
    return (cells[i] for i in range(longest) for cells in by_task.values() if i < len(cells))
