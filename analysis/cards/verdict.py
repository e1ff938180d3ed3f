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
    "no difference shown": "mute",
    "not testable": "warn",
}
HEAD = (
    "rival",
    "verdict",
    "difference [95 %]",
    "relative",
    "n",
    "p",
    "Holm p",
    "beyond tuning noise",
)
NOTE = (
    "Thick: 95 % interval over seeds. Thin: over winners, the tuning noise. Filled: a difference "
    "is shown."
)
METHOD = (
    "Difference: reference minus rival in the test metric at the selected point (lower is better), "
    "for each confirm seed averaged over the sub-studies' winners first; n counts seeds, which are "
    "paired because initialization is common to all optimizers. Interval: Student's, over seeds. "
    "p: sign-flip permutation test, two-sided; Holm's correction over all rivals of one task. "
    f"Rule: better or worse if the interval excludes 0 and Holm's p is below {ALPHA:.2g}; "
    "otherwise no difference shown, which is no proof of equality. This speaks about these "
    "winners. Whether another tuning would elect winners that far apart is told by Welch's "
    "interval over the winners' means (thin line in the figure): a difference beyond tuning noise "
    "excludes 0 there too. "
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
    firm = {True: "yes", False: "no", None: "one winner only" if c.tuning else "–"}[c.firm]
    return (
        c.rival,
        Tag(c.word, _tone(c)),
        estimate(c.difference, signed=True),
        percent(c.relative),
        str(c.difference.n if c.difference else 0),
        p_value(c.p),
        p_value(c.p_holm),
        firm,
    )


def _tone(c: Comparison) -> Tone:
    """Mark a difference that another tuning could reverse more weakly."""
    if c.firm or c.word not in ("better", "worse"):
        return TONES[c.word]
    return "good weak" if c.word == "better" else "bad weak"


def _figure(pictures: Sequence[Picture]) -> Figure | None:
    return Figure(tuple(pictures), NOTE) if pictures else None


def _reference(frames: Frames) -> str:
    if FOCUS in frames.study.optimizer:
        return f"The reference is {FOCUS} on every task; no optimizer is favored by the rule."
    return (
        f"{FOCUS} is not in this study; the reference of a task is the optimizer whose winners "
        "have the lowest mean search score, chosen without looking at confirm data."
    )
