"""Card: which knobs of the focus matter."""

from __future__ import annotations

from analysis.card import Card, Figure, Group, Table, Tag, Value
from analysis.figures.knobs import knobs
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.importance import REFITS, TRUSTED_R2, Importance, Knob, importance
from analysis.text import fixed, percent

HEAD = ("knob", "alone", "with interactions [90 %]", "for the best 10 %", "N")


def knobs_card(frames: Frames) -> Card:
    """Return the card with Sobol' indices of the focus on every arena."""
    color = legend(frames.optimizers)[0].color
    pictures, groups, lines = [], [], []
    for arena in frames.arenas:
        for cell in frames.cells(arena):
            if cell.optimizer == frames.focus:
                found, name = importance(frames, cell), frames.label(arena)
                pictures.append(knobs(name, found, color))
                groups.append(
                    Group(_quality(name, found), tuple(_row(k, found) for k in found.knobs))
                )
                lines.append(f"{name}: {_sentence(found)}.")
    drawn = tuple(p for p in pictures if p)
    tabled = tuple(g for g in groups if g.rows)
    return Card(
        title=f"Which knobs of {frames.focus} matter?",
        verdict=("Share of the variance of the score's rank, by task:", *lines)
        if lines
        else (f"No search of {frames.focus} is in the store yet.",),
        figure=Figure(drawn, NOTE) if drawn else None,
        table=Table(HEAD, tabled) if tabled else None,
        caveat=CAVEAT,
    )


NOTE = "Dark: the knob alone. Light: with its interactions; the line is its 90 % interval."
CAVEAT = (
    "Configurations are ranked by score (failed ones share the worst rank); a surrogate learns the "
    "rank over the unit cube of the search space, the better of a Gaussian process and extremely "
    "randomized trees by cross-validated R². Alone: first-order Sobol' index, what the knob "
    "explains by itself. With interactions: total index; interval: central 90 % over "
    f"{REFITS} refits on random 80 % of the configurations, each with its own Monte-Carlo sample. "
    "No interval here contains the surrogate's own bias: below "
    f"R² = {TRUSTED_R2} the indices are greyed out and must not be read. For the best 10 %: "
    "PED-ANOVA, which asks another question (what matters for getting among the best) and sums "
    "to 1. Shares depend on the ranges that were searched."
)


def _quality(name: str, found: Importance) -> str:
    s = found.surrogate
    if s is None:
        return name
    return (
        f"{name}: {s.name}, R² {fixed(s.r2)}, rank correlation {fixed(s.rank_correlation)} "
        f"({s.folds}-fold), N = {found.n}, {found.failed} failed"
    )


def _sentence(found: Importance) -> str:
    if found.surrogate is None:
        return f"no indices at N = {found.n}, because {found.refused}"
    quality = f"R² {fixed(found.surrogate.r2)}, N = {found.n}"
    if not found.trusted:
        explained = percent(max(found.surrogate.r2, 0.0), signed=False)
        return (
            f"the surrogate explains {explained}, so the indices are not interpretable ({quality})"
        )
    top = found.knobs[0]
    return (
        f"{top.name} explains {percent(top.total, signed=False)} "
        f"[{percent(top.low, signed=False)}, {percent(top.high, signed=False)}] with its "
        f"interactions, {percent(max(top.first, 0), signed=False)} alone ({quality})"
    )


def _row(knob: Knob, found: Importance) -> tuple[Value, ...]:
    values = (
        f"{max(knob.first, 0.0):.2f}",
        f"{knob.total:.2f} [{knob.low:.2f}, {knob.high:.2f}]",
        f"{knob.ped:.2f}" if knob.ped is not None else "N < 50",
        str(found.n),
    )
    return (knob.name, *(v if found.trusted else Tag(v, "grey") for v in values))
