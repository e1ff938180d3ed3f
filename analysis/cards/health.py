"""Card: is the comparison equal and complete?"""

from __future__ import annotations

from analysis.card import Card, Group, Table, Tag
from analysis.checks import run_checks
from analysis.frames import Frames

HEAD = ("check", "state", "finding")
CAVEAT = (
    "Nothing is corrected silently: what needs a look is still in the numbers below. Overshoot "
    "needs a look above 1 % of the budget. Edge: a winner within 5 % of an end of a range, on the "
    "scale that was searched; a wider range may hold a better one. Test readings: configurations "
    "confirmed, superseded ones and inclusion rows too; only the sub-studies' winners and the "
    "default are needed. Divergence: configurations 1 to N with a diverged run, all tasks of an "
    "optimizer together, with Clopper and Pearson's exact 95 % interval (none for an adaptive "
    "sampler). Under-tuned: an optimizer loses to one that it contains beyond the 95 % interval "
    "over common confirm seeds, although one of its settings equals that one; its rank stands, as "
    "the price of its knobs at this N, and says nothing about a longer search. Gap: mean of test "
    "minus validation at the selected point of the winners' confirm runs, with Student's 95 % "
    "interval over seeds; it needs a look if the interval's low end exceeds 10 % of the validation "
    "metric. It holds the difference of the two splits, which is common to all optimizers."
)


def health_card(frames: Frames) -> Card:
    """Return the card of checks on effort, completeness, failures, ranges and test readings.

    What needs a look stands in the table; what passes is listed behind the method.
    """
    checks = run_checks(frames)
    worries = [check for check in checks if not check.fine]
    rows = tuple((c.name, Tag("look", "warn"), c.finding) for c in worries)
    named = ", ".join(check.name for check in worries)
    headline = (
        f"{len(worries)} of {len(checks)} checks need a look: {named}."
        if worries
        else f"All {len(checks)} checks pass."
    )
    passed = " ".join(f"{c.name.capitalize()}: {c.finding}" for c in checks if c.fine)
    return Card(
        "Can it be trusted?",
        (headline,),
        None,
        Table(HEAD, (Group("", rows),)) if rows else None,
        f"{CAVEAT} What passed: {passed}",
    )
