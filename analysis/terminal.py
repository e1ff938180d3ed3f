"""The result table for a terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from analysis.baselines import Trivial, trivials, worse_than_trivial
from analysis.checks import MUCH_OVERSHOOT
from analysis.confirmed import Confirmed, confirmed
from analysis.frames import Arena, Frames, load
from analysis.health import CellHealth, cell_health
from analysis.intervals import Estimate
from analysis.sentences import all_comparisons, headline
from analysis.text import clean, count, estimate, number, percent

MARKS = {
    "t": "worse than trivial",
    "f": "confirm runs failed and are left out",
    "m": "confirm runs missing",
    "d": "failures in the search",
    "e": "winner at an edge of the space",
    "o": f"overshoot above {percent(MUCH_OVERSHOOT, signed=False)} of the budget",
    "u": "a sub-study without a winner",
}


@dataclass(frozen=True)
class ResultRow:
    """One optimizer in one arena.

    Args:
        test: mean test metric of the sub-studies' winners with its 95 % interval over seeds.
        default: mean test metric of the default configuration.
        trivial: share by which the mean exceeds the best constant predictor; negative is better.
        best_score: the best score of the search, shown while nothing is confirmed.
        marks: letters of MARKS.
    """

    optimizer: str
    test: Estimate | None
    default: float | None
    trivial: float | None
    best_score: float | None
    marks: str


@dataclass(frozen=True)
class ResultTable:
    """The table of a study: a heading and rows for each arena, and the verdict in a sentence."""

    arenas: tuple[tuple[str, tuple[ResultRow, ...]], ...]
    verdict: str
    method: str

    def text(self, width: int = 80) -> str:
        """Return the table as plain text of at most so many columns."""
        console = Console(width=width, color_system=None, force_terminal=False)
        with console.capture() as capture:
            console.print(self)
        return "\n".join(line.rstrip() for line in capture.get().splitlines())

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = []
        for title, rows in self.arenas:
            parts += [Text(clean(title), style="bold"), _grid(rows), Text()]
        used = {mark for _, rows in self.arenas for row in rows for mark in row.marks}
        legend = "; ".join(f"{mark} {meaning}" for mark, meaning in MARKS.items() if mark in used)
        if legend:
            parts += [Text(legend, style="dim"), Text()]
        return Group(*parts, Text(self.method, style="dim"), Text(), Text(clean(self.verdict)))


def table(folder: Path) -> ResultTable:
    """Return the result table of a study's folder.

    Raises:
        InputError: the folder holds no study.
    """
    frames = load(folder)
    arenas = tuple((_title(frames, arena), _rows(frames, arena)) for arena in frames.arenas)
    return ResultTable(arenas, headline(frames, all_comparisons(frames)), _method(frames))


def _method(frames: Frames) -> str:
    """Say what a row's mean is the mean of."""
    parts = min(frames.study.substudies, frames.common)
    if not parts:
        return "mean: over n fresh seeds."
    winners = count(parts, "sub-study", "sub-studies")
    return (
        f"mean: over the winners of {winners}, each elected from about N/{parts} configurations, "
        "on n fresh seeds; interval: over the seeds alone."
    )


def _title(frames: Frames, arena: Arena) -> str:
    best = next(iter(trivials(frames, arena)), None)
    against = f"; {best.name} (trivial) {number(best.test)}" if best else ""
    return f"{arena.task}: {arena.budget:,} gradients, N = {frames.common}{against}"


def _rows(frames: Frames, arena: Arena) -> tuple[ResultRow, ...]:
    trivial = next(iter(trivials(frames, arena)), None)
    return tuple(
        _row(frames, result, cell_health(frames, result.cell), trivial)
        for result in confirmed(frames, arena)
    )


def _row(frames: Frames, r: Confirmed, health: CellHealth, trivial: Trivial | None) -> ResultRow:
    share = r.test.mean / trivial.test - 1 if r.test and trivial and trivial.test else None
    scores = [s for c, s in frames.elections[r.cell].scores.items() if c > 0]
    return ResultRow(
        optimizer=r.cell.optimizer,
        test=r.test,
        default=r.default.mean if r.default else None,
        trivial=share,
        best_score=min(scores, default=None),
        marks=_marks(r, health, trivial),
    )


def _marks(r: Confirmed, health: CellHealth, trivial: Trivial | None) -> str:
    raised = {
        "t": bool(worse_than_trivial(r, [trivial] if trivial else [])),
        "f": r.failed > 0,
        "m": r.missing > 0,
        "d": bool(set(health.search) - {"ok"}),
        "e": bool(health.edges),
        "o": health.overshoot > MUCH_OVERSHOOT,
        "u": health.unelected > 0,
    }
    return "".join(mark for mark, seen in raised.items() if seen)


def _grid(rows: tuple[ResultRow, ...]) -> RichTable:
    grid = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("optimizer", overflow="fold")
    grid.add_column("test mean [95 %]", overflow="fold")
    for name in ("n", "default", "trivial"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("marks", no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(clean(value)) for value in _cells(row)))
    return grid


def _cells(row: ResultRow) -> tuple[str, ...]:
    return (
        row.optimizer,
        estimate(row.test) if row.test else _waiting(row),
        str(row.test.n if row.test else 0),
        number(row.default),
        percent(row.trivial),
        row.marks,
    )


def _waiting(row: ResultRow) -> str:
    if row.best_score is None:
        return "nothing searched yet"
    if math.isinf(row.best_score):
        return "every configuration failed"
    return f"not confirmed; best validation {number(row.best_score)}"
