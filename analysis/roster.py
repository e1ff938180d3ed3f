"""Who can be compared across tasks, and on which tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.confirm_grid import ConfirmGrid, confirm_grid, failed_grid
from analysis.frames import Arena, Frames
from analysis.intervals import ALPHA, smallest_p
from analysis.text import count
from flowadam.plan import Cell
from flowadam.power import FEWEST_TASKS


@dataclass(frozen=True)
class Roster:
    """A complete table optimizer x task of confirmed results.

    Args:
        arenas: one per task with any confirmed result: the budget at which most optimizers are
            confirmed, the largest of several.
        family: optimizers with a confirmed result in every arena, the focus first.
        controls: the same for the study's controls, which stand outside every family of tests.
        left_out: optimizer -> why it is in neither.
        grids: confirm runs by (optimizer, arena) of all who are in.
        failed: optimizer -> tasks on which its search found no winner; it stays in, at +inf there.
    """

    arenas: tuple[Arena, ...]
    family: tuple[str, ...]
    controls: tuple[str, ...]
    left_out: Mapping[str, str]
    grids: Mapping[tuple[str, Arena], ConfirmGrid]
    failed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def optimizers(self) -> tuple[str, ...]:
        return (*self.family, *self.controls)


def roster(frames: Frames) -> Roster:
    """Return who has confirmed results on which tasks.

    A missing cell takes its optimizer out, never the task: dropping tasks would let a failure
    choose the tasks on which the others are compared. A cell whose search ended without a winner is
    not missing: leaving its optimizer out would let a failure choose the family.
    """
    every = {
        (cell.optimizer, Arena(cell.task, cell.budget)): confirm_grid(frames, cell)
        for cell in frames.elections
    }
    grids = {key: grid for key, grid in every.items() if len(grid.by_seed) > 1}
    arenas = _arenas(frames, grids)
    lost = [c for c, e in frames.elections.items() if e.trials and not e.elected]
    lost = [cell for cell in lost if Arena(cell.task, cell.budget) in arenas]
    grids |= {(c.optimizer, Arena(c.task, c.budget)): failed_grid(frames, c) for c in lost}
    left_out = {
        name: f"no confirmed result on {', '.join(absent)}"
        for name in frames.optimizers
        if (absent := [frames.label(a) for a in arenas if (name, a) not in grids])
    }
    names = [name for name in frames.optimizers if name not in left_out]
    control = frames.study.control
    return Roster(
        arenas,
        tuple(name for name in names if name not in control),
        tuple(name for name in names if name in control),
        left_out,
        {k: grid for k, grid in grids.items() if k[0] in names and k[1] in arenas},
        {name: own for name in names if (own := [c.task for c in lost if c.optimizer == name])},
    )


def _arenas(frames: Frames, grids: Mapping[tuple[str, Arena], ConfirmGrid]) -> tuple[Arena, ...]:
    """Return each task's arena with most confirmed optimizers, the largest budget of several."""
    confirmed = [arena for _, arena in grids]
    chosen: list[Arena] = []
    for task in frames.study.task:
        mine = {arena for arena in confirmed if arena.task == task}
        if mine:
            chosen.append(max(mine, key=lambda arena: (confirmed.count(arena), arena.budget)))
    return tuple(chosen)


def obstacle(tasks: int, rivals: int) -> str:
    """Say why `tasks` tasks cannot carry a test of so many rivals, or return the empty string.

    A signed-rank test of n tasks has no p below 2 / 2^n, and the first of Holm's thresholds for m
    rivals is alpha / m. Below eight tasks the intervals over tasks are not trusted either.
    """
    smallest, threshold = smallest_p(tasks), ALPHA / max(rivals, 1)
    if smallest > threshold:
        return (
            f"with {count(tasks, 'task')} the smallest two-sided p of a signed-rank test is "
            f"{smallest:.2g}, and Holm's first threshold for {count(rivals, 'rival')} is "
            f"{threshold:.2g}: no statement across tasks can be significant"
        )
    if tasks < FEWEST_TASKS:
        return f"{count(tasks, 'task')} are fewer than the {FEWEST_TASKS} that this test needs"
    return ""


def cell_of(name: str, arena: Arena) -> Cell:
    """Return the cell of an optimizer in an arena."""
    return Cell(arena.task, name, arena.budget)
