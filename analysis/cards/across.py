"""Card: who is better over all tasks?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from analysis.across import Across, across
from analysis.aggregate import Aggregate
from analysis.bootstrap import Interval
from analysis.card import Card, Figure, Group, Picture, Table, Tag, Tone, Value
from analysis.cards.method import BOOTSTRAP, left_out
from analysis.figures.critical import critical
from analysis.figures.estimates import Dot, dots
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.intervals import ALPHA, smallest_p
from analysis.practical import Practical
from analysis.ranks import RankTest
from analysis.text import count, fixed, interval, p_value, percent
from analysis.undertuned import under_tuned

TONES: dict[str, Tone] = {
    "better": "good",
    "worse": "bad",
    "practically equal": "good weak",
    "no difference shown": "mute",
    "undecided": "mute",
}
HEAD = (
    "rival",
    "verdict",
    "median difference [95 %]",
    "rank-biserial",
    "p",
    "Holm",
    "practically",
    "better, equal, worse",
    "P(improvement), new seeds",
    "P(improvement), new tasks",
)
CAVEAT = (
    "Unit: the task, at its largest confirmed budget. Value: mean test metric over confirm seeds, "
    "each seed averaged over the winners, in units of the task's room between L_best and L_ref "
    "(the next card has both), for raw differences cannot be ranked across tasks; a failed confirm "
    "run makes it infinite. Differences are the reference's minus the rival's, so negative ones "
    "favor the reference. Verdict: Wilcoxon's "
    "signed-rank test, two-sided and exact, of the reference against each rival, by Holm over the "
    f"rivals; better or worse if that p is below {ALPHA:.2g}. No difference shown is no proof of "
    "equality; practically equal is a claim of it: the Bayesian signed-rank test of normalized "
    "regret with a region of 1 % gives it at least 95 %. Median difference: cut off at one room, "
    "bootstrap over tasks. Rank-biserial: -1 or +1 when every task agrees. Friedman's test and "
    "P(improvement) are of the test metrics themselves, on all tasks, those without a room too. "
    "The diagram joins optimizers that the "
    "all-pairs signed-rank tests, by Holm over all pairs, do not tell apart. P(improvement): how "
    "probable it is that a run of the reference beats one of the rival, mean over tasks; where "
    "all pairs agree, with Clopper and Pearson's interval; a run stands here for the mean over the "
    "winners on one seed, which is nearer to 0 or 1 than a single winner's run. Controls "
    "stand outside every family: their p is uncorrected and they get no verdict. "
) + BOOTSTRAP


def across_card(frames: Frames) -> Card:
    """Return the card that tests the focus against its rivals over all tasks."""
    found = across(frames)
    pictures = tuple(p for p in (_diagram(frames, found), _improvement(frames, found)) if p)
    note = "P(improvement), thick: for new seeds; thin: for new tasks."
    return Card(
        title="Who is better across tasks?",
        verdict=(_headline(found), *_details(frames, found)),
        figure=Figure(pictures, note) if pictures else None,
        table=_table(found),
        caveat=CAVEAT,
    )


def _headline(found: Across) -> str:
    if found.reason:
        return f"No test across tasks: {found.reason}."
    told = []
    for word in ("better", "worse", "no difference shown"):
        names = [o for o in found.rivals if found.tests[o].word == word]
        phrase = {"better": "better than", "worse": "worse than"}.get(word, f"{word} to")
        told += [f"{phrase} {', '.join(names)}"] if names else []
    return f"{found.focus} over {count(found.n, 'task')}: {'; '.join(told)}."


def _details(frames: Frames, found: Across) -> list[str]:
    told = left_out(found.who, found.regrets)
    equal = [o for o in found.practical if found.practical[o].word == "practically equal"]
    if equal:
        told.append(f"Practically equal to {', '.join(equal)}.")
    if found.omnibus:
        o, ranked = found.omnibus, sorted(found.omnibus.ranks.items(), key=lambda item: item[1])
        told.append(
            f"Mean ranks over {count(o.n, 'task')}: "
            f"{', '.join(f'{name} {fixed(rank)}' for name, rank in ranked)}; "
            f"Friedman's p = {p_value(o.p)} (by Iman and Davenport {p_value(o.f_p)})."
        )
    return told + _best_of_all(frames) + _under_tuned(frames, found)


def _best_of_all(frames: Frames) -> list[str]:
    """Say what each winner is the best of, and what the best of all sub-studies alone would say."""
    if frames.effort == frames.common:
        return []
    single = {
        cell: replace(e, winners=(e.best,) if e.elected else ())
        for cell, e in frames.elections.items()
    }
    found = across(replace(frames, elections=single))
    p = f" (Friedman's p = {p_value(found.omnibus.p)})" if found.omnibus else ""
    headline = _headline(found)
    return [
        f"Effort: each winner is the best of about {frames.effort} configurations. With the best "
        f"of all {frames.common} alone, one winner a cell and so more noise of the search: "
        f"{headline[:-1]}{p}."
    ]


def _under_tuned(frames: Frames, found: Across) -> list[str]:
    """Say whose rank is the price of its knobs."""
    behind: dict[str, Counter[str]] = {}
    for arena in found.who.arenas:
        for u in under_tuned(frames, arena):
            behind.setdefault(u.container, Counter())[u.contained] += 1
    if not behind:
        return []
    told = [
        f"{whole} ({', '.join(f'behind {part} on {n}' for part, n in parts.items())})"
        for whole, parts in behind.items()
    ]
    return [
        f"Under-tuned, for behind what they contain by intervals over seeds, of "
        f"{count(len(found.who.arenas), 'task')}: {'; '.join(told)}. That is more knobs at "
        f"{frames.effort} configurations a winner, or luck of their draws, and no bound on what "
        "they can reach."
    ]


def _table(found: Across) -> Table | None:
    if not found.improvement:
        return None
    groups = [Group(f"{found.focus} against", tuple(_row(found, o) for o in found.rivals))]
    if found.who.controls:
        rows = tuple(_row(found, o) for o in found.who.controls)
        groups.append(Group("controls, outside the family, p uncorrected", rows))
    return Table(HEAD, tuple(groups))


def _row(found: Across, other: str) -> tuple[Value, ...]:
    sure, improvement = found.practical.get(other), found.improvement[other]
    return (
        other,
        *_tested(found.tests.get(other)),
        Tag(sure.word, TONES[sure.word]) if sure else "–",
        _probabilities(sure),
        _interval(improvement and improvement.seeds),
        _interval(improvement and improvement.tasks),
    )


def _tested(test: RankTest | None) -> tuple[Value, ...]:
    if test is None:
        return ("not testable", "–", "–", "–", "–")
    word = Tag(test.word, TONES[test.word]) if test.word else "control"
    median = _interval(test.median, signed=True)
    return (word, median, fixed(test.biserial), p_value(test.p), p_value(test.p_holm))


def _probabilities(sure: Practical | None) -> str:
    if sure is None:
        return "–"
    return ", ".join(percent(p, signed=False) for p in (sure.better, sure.equal, sure.worse))


def _interval(found: Interval | None, *, signed: bool = False) -> str:
    return interval(found.center, found.low, found.high, signed=signed) if found else "–"


def _diagram(frames: Frames, found: Across) -> Picture | None:
    if found.omnibus is None or found.pairs is None:
        return None
    colors = {key.name: key.color for key in legend(frames.optimizers)}
    m = len(found.who.family)
    title = (
        f"Mean ranks over {count(found.omnibus.n, 'task')}; bars: all pairs by Holm, not told apart"
    )
    if smallest_p(found.n) > ALPHA / (m * (m - 1) / 2):
        title += ", which so few tasks cannot"
    return critical(title, found.omnibus.ranks, found.pairs, colors)


def _improvement(frames: Frames, found: Across) -> Picture | None:
    colors = {key.name: key.color for key in legend(frames.optimizers)}
    drawn = [
        Dot(other, colors[other], a.seeds, a.tasks)
        for other, a in found.improvement.items()
        if isinstance(a, Aggregate)
    ]
    title = f"Probability that {found.focus} improves on"
    return dots(title, drawn, "P(improvement)", at=0.5, span=(-0.02, 1.02))
