"""Card: where does the spread come from?"""

from __future__ import annotations

import math

from analysis.bootstrap import Interval
from analysis.card import Card, Figure, Group, Picture, Table, Value
from analysis.figures.estimates import Dot, dots
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.text import count, interval
from analysis.variance import Components, variance

HEAD = (
    "optimizer",
    "sd, seeds [95 %]",
    "sd, sub-studies [95 %]",
    "share of sub-studies [95 %]",
    "n",
)
CAVEAT = (
    "Test metric at the selected point of the winners' confirm runs, seeds on which all of them "
    "ended well. Random effects of winner, seed and rest, estimated by analysis of variance: sd, "
    "seeds, is the standard deviation between runs of one winner; sd, sub-studies, that between "
    "the true means of winners elected by different sub-studies, which is what another tuning "
    "would change; its share is taken of the sum of both variances. A negative estimate of a "
    "variance is 0. Intervals: 95 %, generalized ones (Weerahandi), for normal effects; few "
    "winners give wide ones, and that is what they know. n: winners x seeds."
)


def variance_card(frames: Frames) -> Card:
    """Return the card of variance components by cell."""
    found = {frames.label(arena): variance(frames, arena) for arena in frames.arenas}
    found = {name: components for name, components in found.items() if components}
    pictures = [_picture(frames, name, components) for name, components in found.items()]
    drawn = tuple(p for p in pictures if p)
    groups = tuple(Group(name, tuple(_row(c) for c in cells)) for name, cells in found.items())
    every = [c for components in found.values() for c in components]
    return Card(
        title="Where does the spread come from?",
        verdict=(_headline(every), *dict.fromkeys(_refusals(every))),
        figure=Figure(drawn, "Bar: 95 % interval.") if drawn else None,
        table=Table(HEAD, groups) if groups else None,
        caveat=CAVEAT,
    )


def _headline(every: list[Components]) -> str:
    if not every:
        return "No cell has three confirm seeds yet."
    shares = [c.share for c in every if c.share]
    if not shares:
        return f"{count(len(every), 'cell')}: spread between seeds only."
    more = sum(share.center > 0.5 for share in shares)
    sure = sum(share.low > 0.5 for share in shares)
    return (
        f"In {more} of {count(len(shares), 'cell')} another tuning changes the result more than "
        f"another seed does; in {sure} of them the interval says so too."
    )


def _refusals(every: list[Components]) -> list[str]:
    return [f"No part of the sub-studies: {c.reason}." for c in every if c.reason]


def _row(c: Components) -> tuple[Value, ...]:
    return (
        c.cell.optimizer,
        _sd(c.seeds),
        _sd(c.substudies),
        _interval(c.share),
        f"{c.n_winners} x {c.n_seeds}",
    )


def _sd(found: Interval | None) -> str:
    if found is None:
        return "–"
    return _interval(Interval(*(math.sqrt(v) for v in (found.center, found.low, found.high))))


def _interval(found: Interval | None) -> str:
    return interval(found.center, found.low, found.high) if found else "–"


def _picture(frames: Frames, name: str, components: list[Components]) -> Picture | None:
    colors = {key.name: key.color for key in legend(frames.optimizers)}
    drawn = [
        Dot(c.cell.optimizer, colors[c.cell.optimizer], c.share) for c in components if c.share
    ]
    return dots(name, drawn, "share of sub-studies in the variance", span=(-0.02, 1.02))
