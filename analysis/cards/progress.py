"""Card: how fast the winners get where they get."""

from __future__ import annotations

import numpy as np

from analysis.baselines import trivials
from analysis.card import Card, Figure, Group, Table
from analysis.curves import Band, best_so_far
from analysis.figures.progress import progress
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.text import count, interval, percent

SHARES = (0.25, 0.5, 1.0)
HEAD = (
    "optimizer",
    "runs",
    *(f"at {percent(share, signed=False)} of the budget" for share in SHARES),
)
NOTE = "Line: median of all runs of the winners. Band: 10 to 90 % of the runs."
CAVEAT = (
    "Line: median over all confirm runs of the sub-studies' winners (winners x seeds) of the best "
    "validation metric so far; band: their 10 to 90 % order statistics, a spread of runs and not a "
    "confidence interval. Runs that did not end well count as infinite throughout. The validation "
    "part chose the winners, so these values are optimistic; the test part speaks above. Dashed "
    "line: the best trivial predictor."
)


def progress_card(frames: Frames) -> Card:
    """Return the card with best-so-far validation against gradient evaluations."""
    keys = {key.name: key for key in legend(frames.optimizers)}
    pictures, groups, leaders = [], [], []
    for arena in frames.arenas:
        name = frames.label(arena)
        bands = [b for b in (best_so_far(frames, cell) for cell in frames.cells(arena)) if b]
        if not bands:
            continue
        trivial = trivials(frames, arena)
        pictures.append(progress(name, bands, trivial[0] if trivial else None, keys))
        groups.append(Group(name, tuple(_row(band) for band in bands)))
        leaders.append(f"{name}: {_leaders(bands)}.")
    drawn = tuple(p for p in pictures if p)
    if not drawn:
        return Card("How fast?", ("No confirmed curve is in the store yet.",), None, None, CAVEAT)
    return Card(
        title="How fast?",
        verdict=("Lowest median validation along the budget, task by task:", *leaders),
        figure=Figure(drawn, NOTE, tuple(keys.values())),
        table=Table(HEAD, tuple(groups)),
        caveat=CAVEAT,
    )


def _leaders(bands: list[Band]) -> str:
    """Name the lowest median at each share of the budget, equal names joined."""
    names = [min(bands, key=lambda b: _at(b.median, b, share)).optimizer for share in SHARES]
    if len(set(names)) == 1:
        return f"{names[0]} throughout"
    marks = zip(names, SHARES, strict=True)
    return ", ".join(f"{name} at {percent(share, signed=False)}" for name, share in marks)


def _row(band: Band) -> tuple[str, ...]:
    cells = [
        interval(*(_at(values, band, s) for values in (band.median, band.low, band.high)))
        for s in SHARES
    ]
    failed = f", {band.failed} failed" if band.failed else ""
    return (band.optimizer, f"{band.runs} ({count(band.winners, 'winner')}{failed})", *cells)


def _at(values: tuple[float, ...], band: Band, share: float) -> float:
    """Return the value at the last mark at or before a share of the band's span."""
    target = share * band.grad_evals[-1] * (1 + 1e-9)
    return values[max(int(np.searchsorted(band.grad_evals, target, side="right")) - 1, 0)]
