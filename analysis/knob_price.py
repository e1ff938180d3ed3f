"""What an optimizer's extra knobs cost to tune: the full one against the same with them frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.baselines import parameters
from analysis.expected_best import capped_scores, expected_best, weighted_difference
from analysis.frames import Arena, Frames
from analysis.guards import refuse_cell
from analysis.intervals import Estimate, mean_interval
from flowadam.plan import Cell

# An optimizer whose extra knobs stand at a preset -> the one that tunes them.
FROZEN_OF = {"flowadam_preset": "flowadam"}
EFFORTS = (4, 16, 32)


@dataclass(frozen=True)
class TaskPrice:
    """The price on one arena.

    Args:
        at: effort n -> expected score of the best of n, full minus frozen, with its interval.
        relative: the same as a share of the frozen one's size; None where that is 0.
        refused: why there is none, else empty.
    """

    arena: Arena
    n: int
    at: Mapping[int, Estimate]
    relative: Mapping[int, float | None]
    refused: str


@dataclass(frozen=True)
class KnobPrice:
    """The price of the knobs of one pair: positive where tuning them costs more than it brings.

    Args:
        knobs: how many parameters the full one tunes beyond the frozen one's.
        tasks: the price by arena.
        overall: effort -> mean relative price with an interval that takes the arenas as a sample.
    """

    full: str
    frozen: str
    knobs: int
    tasks: tuple[TaskPrice, ...]
    overall: Mapping[int, Estimate]


def knob_pairs(frames: Frames) -> list[tuple[str, str]]:
    """Return (full, frozen) for every declared pair that is in the study."""
    names = frames.study.optimizer
    return [(full, f) for f, full in FROZEN_OF.items() if full in names and f in names]


def knob_price(frames: Frames, full: str, frozen: str) -> KnobPrice:
    """Return the price of the knobs that `full` tunes and `frozen` holds at their preset."""
    tasks, knobs = [], 0
    for arena in frames.arenas:
        cells = {cell.optimizer: cell for cell in frames.cells(arena)}
        if full in cells and frozen in cells:
            tasks.append(_task_price(frames, arena, cells[full], cells[frozen]))
            extra = set(parameters(frames, cells[full])) - set(parameters(frames, cells[frozen]))
            knobs = max(knobs, len(extra))
    shares = {n: [r for t in tasks if (r := t.relative.get(n)) is not None] for n in EFFORTS}
    overall = {n: mean_interval(values) for n, values in shares.items() if values}
    return KnobPrice(full, frozen, knobs, tuple(tasks), overall)


def _task_price(frames: Frames, arena: Arena, full: Cell, frozen: Cell) -> TaskPrice:
    n = frames.elections[full].trials
    reason = refuse_cell(frames, full) or refuse_cell(frames, frozen)
    a, b = (capped_scores(frames, cell) for cell in (full, frozen))
    if not reason and not np.isfinite([a, b]).all():
        reason = "configurations failed and no trivial predictor says what a failure costs"
    if reason:
        return TaskPrice(arena, n, {}, {}, reason)
    efforts = [effort for effort in EFFORTS if effort <= n]
    at = {e: weighted_difference(a, b, np.arange(1, n + 1) == e) for e in efforts}
    size = np.abs(expected_best(b))
    relative = {e: at[e].mean / size[e - 1] if size[e - 1] else None for e in efforts}
    return TaskPrice(arena, n, at, relative, "")
