"""Card: how good the best of n configurations is."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from analysis.card import Card, Figure, Group, Picture, Table, Value
from analysis.figures.style import legend
from analysis.figures.tuning import facets, overlay
from analysis.frames import Arena, Frames
from analysis.guards import absent
from analysis.text import count, fixed, interval
from analysis.tuning_curves import TuningCurve, family_level, method, tuning_curve

EFFORTS = (1, 4, 16, 64)
CAVEAT = (
    "If n configurations are drawn and the one with the lowest score is kept, half of the searches "
    "end below the line (opda's quantile tuning curve; failed configurations count as infinite). "
    "All n come from the same N configurations. The bands are simultaneous: with 95 % confidence "
    "every line of every optimizer and task lies within its band everywhere, for each has the "
    "level 1 − 0.05 / (optimizers × tasks). They are free of assumptions about the shape of the "
    "scores, so near n = N, where a single search is all there is, they have no lower end but the "
    "support's: 0 where no validation reading of the task is negative, else none. The expected "
    "score is a U-statistic, without bias. Scores are of the validation part."
)


def tuning_card(frames: Frames) -> Card:
    """Return the card with the median tuning curve of every optimizer, task by task."""
    keys = {key.name: key for key in legend(frames.optimizers)}
    found = {arena: _curves(frames, arena) for arena in frames.arenas}
    shown: list[Picture | None] = []
    folded: list[Picture | None] = []
    for arena, curves in found.items():
        good, name = [c for c in curves if not c.refused], frames.label(arena)
        if good:
            shown.append(overlay(name, good, _shaded(good), keys))
        if len(good) > 2:
            folded.append(facets(name, good, keys))
    drawn, more = (tuple(p for p in some if p) for some in (shown, folded))
    groups = tuple(Group(frames.label(a), _rows(frames, c)) for a, c in found.items() if c)
    return Card(
        title="What does tuning buy?",
        verdict=(_headline(frames, found), *_details(frames, found)),
        figure=Figure(
            drawn, _note(frames), tuple(keys.values()), more, "Every optimizer with its band"
        )
        if drawn
        else None,
        table=Table(_head(frames), groups, "All numbers") if drawn else None,
        caveat=CAVEAT,
    )


def _curves(frames: Frames, arena: Arena) -> list[TuningCurve]:
    return [tuning_curve(frames, cell) for cell in frames.cells(arena)]


def _shaded(curves: list[TuningCurve]) -> list[str]:
    return [curves[0].cell.optimizer, min(curves, key=lambda c: c.median[-1]).cell.optimizer]


def _headline(frames: Frames, found: dict[Arena, list[TuningCurve]]) -> str:
    good = [[c for c in curves if not c.refused] for curves in found.values()]
    if not any(good):
        reasons = [c.refused for curves in found.values() for c in curves]
        return f"No tuning curve: {reasons[0]}." if reasons else "No search is in the store yet."
    pairs = [pair for curves in good for pair in combinations(curves, 2)]
    apart = sum(_apart(a, b) for a, b in pairs)
    return (
        f"The bands of {apart} of {count(len(pairs), 'pair')} of optimizers lie apart at some "
        f"n ≤ {frames.common} configurations, each band at {_level(frames)}."
    )


def _note(frames: Frames) -> str:
    return (
        "Line: median score of the best of n configurations. Band: where the whole line lies "
        f"(opda's {method(frames.common)} at {_level(frames)}), drawn for the first optimizer and "
        "for the one that ends lowest. Below, thin: the expected score, where none failed."
    )


def _level(frames: Frames) -> str:
    return f"{fixed(100 * family_level(frames), 2)} %"


def _apart(a: TuningCurve, b: TuningCurve) -> bool:
    n = min(a.n, b.n)
    above = np.array(a.low[:n]) > np.array(b.high[:n])
    below = np.array(b.low[:n]) > np.array(a.high[:n])
    return bool((above | below).any())


def _details(frames: Frames, found: dict[Arena, list[TuningCurve]]) -> list[str]:
    """Say task by task who has the lowest median at each effort, and who was refused."""
    lines = []
    for arena, curves in found.items():
        good = [c for c in curves if not c.refused]
        told = [f"no curve of {c.cell.optimizer}: {c.refused}" for c in curves if c.refused]
        if missing := absent(frames, arena):
            told.append(missing)
        if good:
            marks = [(n, _lowest(good, n)) for n in _efforts(frames) if n <= good[0].n]
            told.insert(0, "lowest median " + ", ".join(f"{o} at n = {n}" for n, o in marks))
        lines.append(f"{frames.label(arena)}: {'; '.join(told)}.")
    return lines if any(not c.refused for curves in found.values() for c in curves) else []


def _lowest(curves: list[TuningCurve], n: int) -> str:
    return min(curves, key=lambda c: c.median[n - 1]).cell.optimizer


def _efforts(frames: Frames) -> list[int]:
    return [n for n in EFFORTS if n < frames.common] + [frames.common]


def _head(frames: Frames) -> tuple[str, ...]:
    return ("optimizer", *(f"best of {n}" for n in _efforts(frames)), "N", "failed")


def _rows(frames: Frames, curves: list[TuningCurve]) -> tuple[tuple[Value, ...], ...]:
    return tuple(_row(c, _efforts(frames)) for c in curves if not c.refused)


def _row(c: TuningCurve, efforts: list[int]) -> tuple[Value, ...]:
    cells = [interval(c.median[n - 1], c.low[n - 1], c.high[n - 1]) for n in efforts]
    return (c.cell.optimizer, *cells, str(c.n), str(c.failed))
