"""Card: what the search looked like."""

from __future__ import annotations

import numpy as np

from analysis.card import Card, Figure, Group, Picture, Table
from analysis.figures.parallel import parallel
from analysis.frames import Frames
from analysis.importance import search_points
from analysis.ranges import ranges
from analysis.text import number
from flowadam.plan import Cell

HEAD = ("optimizer", "N", "best score", "median score", "failed", "knobs")
NOTE = "Blue: best. Orange: worst. Dashed grey: failed. Point at a line for its values."
CAVEAT = (
    "One line is one configuration of the search, through its value of every knob (axes uniform in "
    "the scale that was searched) to its rank by score; failed ones diverged, timed out or raised. "
    "The score is the mean "
    "validation metric over the search seeds; the lowest of N scores is optimistic. The default "
    "configuration is left out."
)


def search_card(frames: Frames) -> Card:
    """Return the card with parallel coordinates, the focus first, the others folded."""
    shown: list[Picture] = []
    folded: list[Picture] = []
    groups = []
    for arena in frames.arenas:
        for cell in frames.cells(arena):
            drawn = _picture(frames, cell, f"{cell.optimizer} on {frames.label(arena)}")
            if drawn:
                (shown if cell.optimizer == frames.focus else folded).append(drawn)
        rows = tuple(_row(frames, cell) for cell in frames.cells(arena))
        groups.append(Group(frames.label(arena), rows))
    return Card(
        title="What did the search see?",
        verdict=(_headline(frames),),
        figure=Figure(tuple(shown), NOTE, folded=tuple(folded)) if shown or folded else None,
        table=Table(HEAD, tuple(groups)) if groups else None,
        caveat=CAVEAT,
    )


def _headline(frames: Frames) -> str:
    if not frames.arenas:
        return "No search run is in the store yet."
    scores = [s for e in frames.elections.values() for c, s in e.scores.items() if c > 0]
    failed = sum(not np.isfinite(s) for s in scores)
    return (
        f"N = {frames.common} configurations in every cell, drawn by the sampler "
        f"{frames.study.sampler}; {failed} of all {len(scores)} failed."
    )


def _picture(frames: Frames, cell: Cell, title: str) -> Picture | None:
    _, units, scores = search_points(frames, cell)
    configs = [c for c in sorted(frames.elections[cell].scores) if c > 0]
    return parallel(f"{title}, N = {len(configs)}", ranges(frames, cell), configs, units, scores)


def _row(frames: Frames, cell: Cell) -> tuple[str, ...]:
    names, _, scores = search_points(frames, cell)
    best = number(float(np.min(scores)), 4) if len(scores) else "–"
    median = float(np.quantile(scores, 0.5, method="inverted_cdf")) if len(scores) else None
    failed = f"{int(np.isinf(scores).sum())} of {len(scores)}"
    return (cell.optimizer, str(len(scores)), best, number(median, 4), failed, str(len(names)))
