"""Card: who is better, by how much, how surely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from analysis.card import Card, Figure, Group, Picture, Table, Tag, Tone, Value
from analysis.compare import Comparison, Word, compare
from analysis.figures.forest import forest
from analysis.figures.style import legend
from analysis.frames import FOCUS, Frames
from analysis.intervals import ALPHA, smallest_p
from analysis.text import count, estimate, number, p_value, percent

WORDS: dict[Word, Tone] = {
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
    found = {frames.label(arena): compare(frames, arena) for arena in frames.arenas}
    found = {name: comparisons for name, comparisons in found.items() if comparisons}
    colors = {key.name: key.color for key in legend(frames.optimizers)}
    pictures = [forest(name, comparisons, colors) for name, comparisons in found.items()]
    lines = [
        f"{name}: {_sentence(comparisons)}{_size(comparisons)}."
        for name, comparisons in found.items()
    ]
    return Card(
        title="Who is better?",
        verdict=(_headline(frames, found), *lines, *_across(found.values())),
        figure=_figure([p for p in pictures if p]),
        table=_table(found) if found else None,
        caveat=METHOD + _reference(frames),
    )


def _headline(frames: Frames, found: Mapping[str, Sequence[Comparison]]) -> str:
    everything = [c for comparisons in found.values() for c in comparisons]
    if not frames.arenas:
        return "No search run is in the store yet."
    if not everything:
        return f"{frames.study.optimizer[0]} is alone in its study: there is nothing to compare."
    if not any(c.difference for c in everything):
        return "No verdict yet: the confirm phase has no pair of results to compare."
    words = Counter(c.word for c in everything)
    told = ", ".join(f"{w} in {words[w]}" for w in WORDS if words[w])
    firm = sum(c.firm is True for c in everything if c.word in ("better", "worse"))
    return (
        f"{_subject(everything)}: {told} of {count(len(everything), 'comparison')} on "
        f"{count(len(found), 'task')}; {_firmness(firm, words['better'] + words['worse'])}."
    )


def _subject(everything: Sequence[Comparison]) -> str:
    names = list(dict.fromkeys(c.reference for c in everything))
    rivals = {c.rival for c in everything}
    who = names[0] if len(names) == 1 else "The leader of each search"
    return f"{who} against {count(len(rivals), 'rival')}"


def _firmness(firm: int, shown: int) -> str:
    if not shown:
        return "no difference was shown anywhere"
    return f"{firm} of the {shown} differences shown lie beyond tuning noise"


def _sentence(comparisons: Sequence[Comparison]) -> str:
    """Say one task's verdicts, rivals with the same word together."""
    parts = []
    for word in WORDS:
        same = [c for c in comparisons if c.word == word]
        if same:
            joined = ", ".join(_rival(c) for c in same)
            parts.append(f"{word} {'than' if word in ('better', 'worse') else 'against'} {joined}")
    return f"{comparisons[0].reference} is " + "; ".join(parts)


def _size(comparisons: Sequence[Comparison]) -> str:
    sizes = sorted({c.difference.n for c in comparisons if c.difference})
    return f"; n = {' or '.join(map(str, sizes))} seeds" if sizes else ""


def _rival(c: Comparison) -> str:
    if c.word == "not testable":
        return f"{c.rival} ({c.reason})"
    doubt = ", within tuning noise" if c.firm is False and c.word != "no difference shown" else ""
    return f"{c.rival} ({percent(c.relative)}{doubt})"


def _across(found: Iterable[Sequence[Comparison]]) -> list[str]:
    """Say whether the number of tasks could carry a statement across tasks at all."""
    tasks = list(found)
    if not tasks:
        return []
    rivals = max(len(comparisons) for comparisons in tasks)
    smallest, threshold = smallest_p(len(tasks)), ALPHA / rivals
    gate = (
        f"Across tasks: with {count(len(tasks), 'task')} the smallest two-sided p of a signed-rank "
        f"test is 2/2^{len(tasks)} = {number(smallest)}, Holm's first threshold for "
        f"{count(rivals, 'rival')} is {number(threshold)}"
    )
    if smallest > threshold:
        return [f"{gate}: no statement across tasks can be significant, so each task stands alone."]
    return [f"{gate}: a test across tasks is possible, but this report tells each task alone."]


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
        return WORDS[c.word]
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
