"""Card: how easy the optimizers are to tune."""

from __future__ import annotations

from analysis.card import Card, Figure, Group, Picture, Table, Tag, Value
from analysis.figures.dots import Dot, dots
from analysis.figures.style import legend
from analysis.frames import Arena, Frames
from analysis.good_region import CLOSENESS, Region, region, yardstick
from analysis.guards import absent
from analysis.proportion import Share
from analysis.text import SPACE, fixed, number, percent

NAMES = tuple(f"{100 * x:g}{SPACE}%" for x in CLOSENESS)
HEAD = ("optimizer", *NAMES, f"trials until one ({NAMES[-1]})", "good learning rates", "N", "edge")
NOTE = f"Share of the space within {NAMES[-1]}. Full: of the own best. Ring: of the best of all."
CAVEAT = (
    "A configuration is good within x when its score is at most best + x (reference − best); the "
    "reference is the median score of AdamW's random search, of all optimizers' where AdamW is not "
    "in the study. By the optimizer's own best score: how forgiving it is. By the best score of "
    "all: how useful. The share is k of the N random configurations with the exact interval of "
    "Clopper and Pearson (95 %); it takes best and reference as found here, and the own best is "
    "always one of the k. Trials until one: the median number of random configurations until the "
    "first good one. Good learning rates: from the smallest to the largest among the k, in decades "
    "(factors of ten), which under one valley of good rates is a part of it; a further good "
    "configuration lies within with probability (k − 1) / (k + 1). All of it depends on how wide "
    "the ranges were drawn. Edge: the best configuration lies within 5 % of an end of a range, so "
    "a wider range may change the numbers, which are greyed out; chance says how often "
    "that befalls a random configuration with as many knobs."
)


def region_card(frames: Frames) -> Card:
    """Return the card with the width of the good region, both versions, task by task."""
    found = {arena: _regions(frames, arena) for arena in frames.arenas}
    keys = {key.name: key.color for key in legend(frames.optimizers)}
    pictures = [_picture(frames.label(a), regions, keys) for a, regions in found.items()]
    drawn = tuple(p for p in pictures if p)
    groups = [group for arena in frames.arenas for group in _groups(frames, arena, found[arena])]
    lines = [f"{frames.label(a)}: {_sentence(frames, a, regions)}." for a, regions in found.items()]
    return Card(
        title="How easy is it to tune?",
        verdict=(_headline(found), *lines),
        figure=Figure(drawn, NOTE) if drawn else None,
        table=Table(HEAD, tuple(groups), "All numbers") if groups else None,
        caveat=CAVEAT,
    )


def _regions(frames: Frames, arena: Arena) -> list[Region]:
    scale = yardstick(frames, arena)
    return [region(frames, cell, scale) for cell in frames.cells(arena)]


def _headline(found: dict[Arena, list[Region]]) -> str:
    everything = [r for regions in found.values() for r in regions]
    good = [r for r in everything if not r.refused]
    if not good:
        return f"No good region: {everything[0].refused}." if everything else NOTHING
    flagged = sum(bool(r.edges) for r in good)
    return (
        f"Of {len(good)} searches, {len(good) - flagged} have their best configuration away from "
        f"every edge, so that the width of their good region can be read."
    )


NOTHING = "No search is in the store yet."


def _sentence(frames: Frames, arena: Arena, regions: list[Region]) -> str:
    good = [r for r in regions if r.any]
    refused = [f"none for {r.cell.optimizer}, {r.refused}" for r in regions if r.refused]
    missing = [a] if (a := absent(frames, arena)) else []
    scale = yardstick(frames, arena)
    if not good or scale is None:
        return "; ".join([*missing, *refused])
    first = max(good, key=lambda r: r.any[-1].k)
    text = (
        f"widest within {NAMES[-1]} of the best of all: {first.cell.optimizer}, "
        f"{_share(first.any[-1])} of its space (N = {first.n}; best {number(scale.best, 4)}, "
        f"reference {number(scale.reference, 4)}, the median of {scale.source})"
    )
    return "; ".join([text, *missing, *refused])


def _share(s: Share) -> str:
    low, high = percent(s.low, signed=False), percent(s.high, signed=False)
    return f"{percent(s.k / s.n, signed=False)} [{low}, {high}]"


def _wait(s: Share) -> str:
    center, low, high = (number(n) for n in s.wait)
    return f"{center} [{low}, {high}]"


def _picture(title: str, regions: list[Region], colors: dict[str, int]) -> Picture | None:
    drawn = []
    for r in regions:
        for shares, hollow in ((r.own, False), (r.any, True)):
            if shares:
                s, name = shares[-1], r.cell.optimizer
                drawn.append(Dot(name, s.k / s.n, s.low, s.high, colors[name], hollow))
    n = max((r.n for r in regions), default=0)
    return dots(f"{title}, N = {n}", drawn, "share of the search space")


def _groups(frames: Frames, arena: Arena, regions: list[Region]) -> list[Group]:
    name = frames.label(arena)
    own = tuple(_row(r, r.own, rates=True) for r in regions if r.own)
    useful = tuple(_row(r, r.any, rates=False) for r in regions if r.any)
    titled = ((f"{name}, within x of the own best", own), (f"{name}, of the best of all", useful))
    return [Group(title, rows) for title, rows in titled if rows]


def _row(r: Region, shares: tuple[Share, ...], *, rates: bool) -> tuple[Value, ...]:
    span = r.rates if rates else None
    told = (
        f"{number(span.low)} to {number(span.high)}: {fixed(span.decades, 1)} decades, holds "
        f"{percent(span.holds, signed=False)} (k = {span.k})"
        if span
        else "–"
    )
    values = (*(_share(s) for s in shares), _wait(shares[-1]), told, str(r.n))
    if not r.edges:
        return (r.cell.optimizer, *values, "none")
    knobs = ", ".join(f"{e.knob.removeprefix('opt.')} {fixed(e.unit)}" for e in r.edges)
    flag = Tag(f"{knobs}; chance {percent(r.chance, signed=False)}", "warn")
    return (r.cell.optimizer, *(Tag(v, "grey") for v in values), flag)
