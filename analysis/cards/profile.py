"""Card: who gets there first?"""

from __future__ import annotations

from analysis.card import Card, Figure, Group, Table, Value
from analysis.cards.method import left_out
from analysis.figures.estimates import Dot, dots
from analysis.figures.steps import steps
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.profiles import R_MAX, Profile, profile
from analysis.races import REFERENCES, races
from analysis.roster import Roster, roster
from analysis.text import count, fixed, interval, number

TITLE = "Who gets there first?"
HEAD = ("task", "target", "set by")
CAVEAT = (
    "Target of a task: the median over confirm runs (seeds and winners) of the best validation "
    "value of a run, of AdamW or Adam, whichever is lower; half of the runs of the one that sets "
    "it reach it by construction, while a rival that comes a little less far never does. Cost: "
    "gradient evaluations at the first mark of the curve (one in forty parts of the budget) at or "
    "below the target, median over the runs; never, where more than half of the runs did not get "
    "there or did not end well. Medians are lower ones, so that half of the runs reach them. "
    "Ratio: cost relative to the fastest of the family on that task. Profile: share of tasks with "
    f"a ratio of at most tau. B: area under the profile from 1 to {R_MAX:g}, exactly, divided by "
    "its length; 1 is fastest everywhere. A profile depends on who is compared: another rival can "
    "change the fastest. "
)
INTERVALS = (
    "Intervals: 95 %, percentile bootstrap for new {what} on the same tasks, widened for small "
    "samples (Hesterberg's expanded percentiles), 2000 resamples; each repeats target, fastest and "
    "ratios. B jumps where a run just misses the target, so intervals are wide."
)


def profile_card(frames: Frames) -> Card:
    """Return the card of performance profiles on gradient evaluations to a target."""
    who = roster(frames)
    reason = _obstacle(frames, who)
    if reason:
        return Card(TITLE, (f"No profile: {reason}.", *left_out(who)), None, None, CAVEAT)
    every = races(frames, who)
    run = [race for race in every if not race.at_start]
    if not run:
        return Card(TITLE, ("No profile: every target is met at the start.",), None, None, CAVEAT)
    found = profile(run, who.family, independent=not frames.study.adaptive)
    started = [
        f"{frames.label(race.arena)} is left out: its target is met at the start."
        for race in every
        if race.at_start
    ]
    keys = legend(frames.optimizers)
    shown = tuple(key for key in keys if key.name in found.ratios)
    scores = [Dot(key.name, key.color, found.scores[key.name]) for key in shown]
    drawn = dots("B, the area under the profile", scores, "B", span=(-0.02, 1.02))
    pictures = (steps("Performance profile", found.ratios, shown), drawn)
    what = "seeds and winners" if found.winners else "seeds"
    return Card(
        TITLE,
        (_headline(who, found), _setters(found), *left_out(who), *started),
        Figure(tuple(p for p in pictures if p), "Bar: 95 % interval.", shown),
        _table(frames, found),
        CAVEAT + INTERVALS.format(what=what),
    )


def _obstacle(frames: Frames, who: Roster) -> str:
    if len(who.arenas) < 2:
        return f"it takes several tasks, and {len(who.arenas) or 'none'} has confirmed results"
    if not set(REFERENCES) & set(who.family):
        return f"targets are set by {' or '.join(REFERENCES)}, and neither is complete"
    if len(who.optimizers) < 2:
        return "nobody to compare with"
    return "" if len(frames.curves) else "no curves are stored"


def _headline(who: Roster, found: Profile) -> str:
    ranked = sorted(who.family, key=lambda name: -found.scores[name].center)
    told = ", ".join(f"{name} {fixed(found.scores[name].center)}" for name in ranked)
    tasks = count(len(found.targets), "task")
    return (
        f"Gradient evaluations to the target on {tasks}, B = area under the profile (1 is the "
        f"fastest everywhere), n = {count(found.n_seeds, 'seed')}: {told}."
    )


def _setters(found: Profile) -> str:
    """Say whom the targets favor."""
    names = " and ".join(sorted({target.reference for target in found.targets.values()}))
    return (
        f"Targets are set by {names}, which favors: half of the runs of the one that sets a target "
        "reach it by construction, and who comes a little less far never does."
    )


def _table(frames: Frames, found: Profile) -> Table:
    names = list(found.gradients)
    control = frames.study.control
    rows = tuple(
        (
            frames.label(arena),
            number(target.value, 4),
            target.reference,
            *[_cost(float(found.gradients[name][i])) for name in names],
        )
        for i, (arena, target) in enumerate(found.targets.items())
    )
    score: tuple[Value, ...] = tuple(
        interval(s.center, s.low, s.high) for s in (found.scores[name] for name in names)
    )
    head = [f"{name} (control)" if name in control else name for name in names]
    groups = (
        Group("median gradient evaluations to the target", rows),
        Group("over all tasks", (("B [95 %]", "", "", *score),)),
    )
    return Table((*HEAD, *head), groups)


def _cost(gradients: float) -> str:
    return number(gradients) if gradients < float("inf") else "never"
