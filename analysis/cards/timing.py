"""Card: what the winners cost, and who is better at equal seconds."""

from __future__ import annotations

from analysis.card import Card, Figure, Group, Table, Tag, Value
from analysis.cards.verdict import TONES
from analysis.compare import Comparison
from analysis.confirmed import confirmed
from analysis.figures.pareto import pareto
from analysis.figures.style import legend
from analysis.frames import Arena, Frames
from analysis.text import count, estimate, number
from analysis.timing import Clock, EqualSeconds, clock, equal_seconds, front

HEAD = (
    "optimizer",
    "test mean [95 %]",
    "gradients",
    "seconds [95 %]",
    "memory, MB",
    "not beaten in error and seconds",
    "at equal gradients",
    "at equal seconds",
)
NOTE = "Line: what no other beats in error and seconds. Bars: 95 % intervals."
CAVEAT = (
    "Seconds: the best winner of each cell ran again alone, one run at a time on one core, not "
    "stacked; only optimizer steps and their gradients are timed. Interval: Student's, over the "
    "repeats. Memory: peak of the whole process, with libraries, data and what earlier runs of the "
    "same process left: it bounds what a run needs and ranks nobody. At equal seconds: every "
    "confirm run is read on its cell's clock at the moment when the quickest optimizer of "
    "the task ends its budget; at equal gradients: at the end of the budget. Both read validation "
    "there, by the rule and correction of the verdict, because test is read once, at a run's end."
)


def timing_card(frames: Frames) -> Card:
    """Return the card with error against seconds and memory."""
    keys = {key.name: key for key in legend(frames.optimizers)}
    pictures, groups, verdicts = [], [], []
    for arena in frames.arenas:
        clocks = {c.cell.optimizer: c for x in frames.cells(arena) if (c := clock(frames, x))}
        if not clocks:
            continue
        equal = equal_seconds(frames, arena)
        results = {r.cell.optimizer: r.test for r in confirmed(frames, arena) if r.test}
        pictures.append(pareto(frames.label(arena), clocks, results, keys))
        groups.append(Group(frames.label(arena), _rows(frames, arena, clocks, equal)))
        if equal:
            verdicts.append(f"{frames.label(arena)}: {_changes(equal)}")
    drawn = tuple(p for p in pictures if p)
    return Card(
        title="What does it cost?",
        verdict=("Against the reference, at equal gradients and at equal seconds:", *verdicts),
        figure=Figure(drawn, NOTE, tuple(keys.values())) if drawn else None,
        table=Table(HEAD, tuple(groups)) if groups else None,
        caveat=CAVEAT,
    )


def _rows(
    frames: Frames, arena: Arena, clocks: dict[str, Clock], equal: EqualSeconds | None
) -> tuple[tuple[Value, ...], ...]:
    tests = {r.cell.optimizer: r.test for r in confirmed(frames, arena)}
    errors = {name: e.mean for name in clocks if (e := tests.get(name))}
    front = _front(errors, {name: c.total.mean for name, c in clocks.items()})
    words = [_words(equal.by_gradients), _words(equal.by_seconds)] if equal else []
    return tuple(
        (
            name,
            estimate(tests.get(name)),
            f"{arena.budget:,}",
            estimate(one.total),
            number(one.memory, 4),
            "yes" if name in front else "–",
            *(found.get(name, _role(frames, name)) for found in words),
            *(["–", "–"] if equal is None else []),
        )
        for name, one in clocks.items()
    )


def _role(frames: Frames, name: str) -> str:
    return "control" if name in frames.study.control else "reference"


def _front(errors: dict[str, float], costs: dict[str, float]) -> set[str]:
    """Return the optimizers that no other beats in error and cost."""
    on = front([(error, costs[name]) for name, error in errors.items()])
    return {name for name, is_on in zip(errors, on, strict=True) if is_on}


def _words(found: list[Comparison]) -> dict[str, Value]:
    return {c.rival: Tag(c.word, TONES[c.word]) for c in found}


def _changes(equal: EqualSeconds) -> str:
    """Name the rivals whose verdict differs between the two clocks."""
    pairs = zip(equal.by_gradients, equal.by_seconds, strict=True)
    changed = [f"{a.rival} from {a.word} to {b.word}" for a, b in pairs if a.word != b.word]
    after = f"after {number(equal.seconds)} s"
    if not changed:
        return f"{after}, no verdict of {count(len(equal.by_seconds), 'rival')} differs."
    return f"{after}, {equal.by_seconds[0].reference} goes against " + "; ".join(changed) + "."
