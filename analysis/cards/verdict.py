"""Card: who is better, by how much, how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.card import Card, Figure, Group, Picture, Table, Tag, Tone, Value
from analysis.compare import Comparison, Word
from analysis.figures.forest import forest
from analysis.figures.style import legend
from analysis.frames import FOCUS, Frames
from analysis.intervals import ALPHA
from analysis.sentences import across_tasks, all_comparisons, headline, task_sentences
from analysis.text import estimate, p_value, percent

TONES: dict[Word, Tone] = {
    "better": "good",
    "worse": "bad",
    "ahead": "good weak",
    "behind": "bad weak",
    "no difference shown": "mute",
    "not testable": "warn",
}
HEAD = (
    "rival",
    "verdict",
    "difference [95 %]",
    "relative",
    "n",
    "p, seeds",
    "Holm, seeds",
    "Holm, seeds and tuning",
)
NOTE = (
    "Thick: 95 % interval over seeds. Thin: over winners, so with tuning noise. Full: better or "
    "worse. Pale: ahead or behind, but not beyond tuning noise. Hollow: no difference shown."
)
METHOD = (
    "Difference: reference minus rival in the test metric at the selected point (lower is better), "
    "for each confirm seed averaged over the sub-studies' winners first; n counts seeds, which are "
    "paired because initialization is common to all optimizers. Interval: Student's, over seeds. "
    "p over seeds: sign-flip permutation test, two-sided. Seeds speak about these winners alone; "
    "another tuning would elect others. What that changes is seen in how the winners of one "
    "optimizer differ among themselves: Welch's test and interval over the winners' means. "
    "Rule: ahead or behind if the interval over seeds excludes 0 and Holm's p over seeds is below "
    f"{ALPHA:.2g}; better or worse if Holm's p of both tests together (the larger of the two) is "
    "below it too; otherwise no difference shown, which is no proof of equality. With a single "
    "winner each or an adaptive sampler, tuning noise is unknown and no verdict goes beyond ahead "
    "or behind; more sub-studies make it sharper. Holm's correction: over all rivals of one task. "
)


def verdict_card(frames: Frames) -> Card:
    """Return the card that compares the reference with every rival, task by task."""
    found = all_comparisons(frames)
    colors = {key.name: key.color for key in legend(frames.optimizers)}
    pictures = [forest(name, comparisons, colors) for name, comparisons in found.items()]
    return Card(
        title="Who is better?",
        verdict=(headline(frames, found), *task_sentences(found), *across_tasks(found)),
        figure=_figure([p for p in pictures if p]),
        table=_table(found) if found else None,
        caveat=METHOD + _reference(frames),
    )


def _table(found: Mapping[str, Sequence[Comparison]]) -> Table:
    groups = [
        Group(f"{name}: {c[0].reference} against", tuple(_row(one) for one in c))
        for name, c in found.items()
    ]
    return Table(HEAD, tuple(groups))


def _row(c: Comparison) -> tuple[Value, ...]:
    return (
        c.rival,
        Tag(c.word, TONES[c.word]),
        estimate(c.difference, signed=True),
        percent(c.relative),
        str(c.difference.n if c.difference else 0),
        p_value(c.p),
        p_value(c.p_seeds),
        p_value(c.p_both),
    )


def _figure(pictures: Sequence[Picture]) -> Figure | None:
    return Figure(tuple(pictures), NOTE) if pictures else None


def _reference(frames: Frames) -> str:
    if FOCUS in frames.study.optimizer:
        return f"The reference is {FOCUS} on every task; no optimizer is favored by the rule."
    return (
        f"{FOCUS} is not in this study; the reference of a task is the optimizer whose winners "
        "have the lowest mean search score, chosen without looking at confirm data."
    )
