"""Card: how close to the best known result?"""

from __future__ import annotations

from analysis.across import Across, across
from analysis.aggregate import Aggregate
from analysis.card import Card, Figure, Group, Picture, Table, Value
from analysis.cards.method import BOOTSTRAP, left_out
from analysis.figures.estimates import Dot, dots
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.regret import Scale
from analysis.text import count, fixed, interval, number, percent

HEAD = ("task", "L_best", "L_ref", "test - validation", "L_ref: median of", "clipped at 1")
CAVEAT = (
    "Normalized regret of a confirm run: (L - L_best) / (L_ref - L_best), clipped to [0, 1]; 0 is"
    " the best known, 1 no better than half of an untuned search. L: test metric at the selected "
    "point. L_best: the lowest of any confirm run on the task, at any budget, the default's too. "
    "L_ref: the (lower) median score of AdamW's random search, of all optimizers' where AdamW is "
    "not in the study, without default configurations; as the search never reads the test part, "
    "that is a validation metric, and the median of (test - validation) over the same optimizer's "
    "confirm runs is added. Both are held fixed in the intervals. A run that did not end well"
    " counts as 1. Each seed is averaged over the winners; the interquartile mean leaves out a "
    "quarter of the values over task x seed at each end. "
) + BOOTSTRAP


def regret_card(frames: Frames) -> Card:
    """Return the card of normalized regrets and their interquartile means."""
    found = across(frames)
    drawn = _picture(frames, found)
    return Card(
        title="How close to the best known?",
        verdict=(_headline(found), *left_out(found.who, found.regrets), *_sampler(frames)),
        figure=Figure((drawn,), "Thick: for new seeds. Thin: for new tasks.") if drawn else None,
        table=_table(frames, found) if found.n else None,
        caveat=CAVEAT,
    )


def _headline(found: Across) -> str:
    known = {name: a for name, a in found.iqm.items() if a and name in found.who.family}
    if not known:
        return f"Nothing to aggregate: {count(found.n, 'task')} with a normalized regret."
    ranked = sorted(known.items(), key=lambda item: item[1].seeds.center)
    told = ", ".join(f"{name} {fixed(a.seeds.center)}" for name, a in ranked)
    size = ranked[0][1]
    return (
        f"Interquartile mean of normalized regret over {count(size.n_tasks, 'task')} x "
        f"{count(size.n_seeds, 'seed')} (lower is better): {told}."
    )


def _sampler(frames: Frames) -> list[str]:
    if not frames.study.adaptive:
        return []
    return [
        f"{frames.study.sampler} is adaptive: L_ref is the median of a search that learned, so "
        "regrets compare within this study only."
    ]


def _table(frames: Frames, found: Across) -> Table:
    names = found.who.optimizers
    rows = tuple(_row(found, i, scale, names) for i, scale in enumerate(found.regrets.tasks))
    groups = [Group("mean regret by task", rows)]
    totals = [
        (title, "", "", "", "", "", *[_aggregate(found.iqm[o], attribute) for o in names])
        for title, attribute in (("new seeds", "seeds"), ("new tasks", "tasks"))
        if found.iqm
    ]
    if totals:
        groups.append(Group("interquartile mean [95 %] for", tuple(totals)))
    control = frames.study.control
    head = [f"{name} (control)" if name in control else name for name in names]
    return Table((*HEAD, *head), tuple(groups))


def _row(found: Across, i: int, scale: Scale, names: tuple[str, ...]) -> tuple[Value, ...]:
    return (
        scale.arena.task,
        number(scale.best, 4),
        number(scale.reference, 4),
        number(scale.gap, 2),
        f"{scale.source}, n = {scale.n}",
        percent(found.regrets.clipped[scale.arena], signed=False),
        *[fixed(float(found.regrets.values[name][i].mean())) for name in names],
    )


def _aggregate(aggregate: Aggregate | None, attribute: str) -> str:
    found = getattr(aggregate, attribute, None)
    return interval(found.center, found.low, found.high) if found else "–"


def _picture(frames: Frames, found: Across) -> Picture | None:
    colors = {key.name: key.color for key in legend(frames.optimizers)}
    drawn = [Dot(name, colors[name], a.seeds, a.tasks) for name, a in found.iqm.items() if a]
    return dots("Interquartile mean of normalized regret", drawn, "normalized regret")
