"""A claim's rows in the table of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.audit.findings import Finding
from analysis.audit.table import COLUMNS, amount, baseline, claimed, percent_gain, verdicts
from analysis.card import Group, Tag, Tone, Value
from analysis.text import interval, number
from flowadam.audit.claims import Claim

TONES: dict[str, Tone] = {
    "holds": "good",
    "shrinks": "good weak",
    "vanishes": "warn",
    "reverses": "bad",
    "not testable": "mute",
}


def group(claim: Claim, findings: Sequence[Finding]) -> Group:
    """Return a claim's rows: the verdicts, what they are made of, the contenders' own numbers."""
    mine = [f for f in findings if f.claim == claim.key]
    rows: list[tuple[Value, ...]] = []
    for against in claim.against:
        found = verdicts(mine, claim, against)
        cells = [_cell(claim, found.get(variant)) for variant in COLUMNS]
        what = "slope of the gain" if claim.kind == "dial" else ""
        what = "difference of gains" if claim.kind == "specific" else what
        rows.append(
            (f"{what} over {against}".strip(), _stacked(claimed(claim, against)), *cells, "")
        )
        rows += _parts(mine, against)
    for name in claim.names if len(claim.tasks) == 1 else ():
        means = [_mean(mine, name, variant) for variant in COLUMNS]
        if any(means):
            rows.append((name, "", *means, ""))
    if one := baseline(mine, claim):
        rows.append((one.optimizer, "", *[""] * len(COLUMNS), number(one.mean)))
    return Group(f"{claim.key} · {claim.words or claim.kind} · {claim.task}", tuple(rows))


def _cell(claim: Claim, f: Finding | None) -> Value:
    if f is None:
        return ""
    said = f"{f.verdict}\n{_stacked(amount(claim, f))}\nn = {f.n}" if f.n else f.verdict
    return Tag(said, TONES[f.verdict])


def _stacked(told: str) -> str:
    """Put the interval of a number below it, so that nine columns fit a screen."""
    return told.replace(" [", "\n[").replace("] times the", "]\ntimes the")


def _parts(findings: Sequence[Finding], against: str) -> list[tuple[Value, ...]]:
    """Return the gains on each task that a verdict over several tasks is made of."""
    parts = [f for f in findings if f.against == against and not f.verdict]
    rows: list[tuple[Value, ...]] = []
    for task in dict.fromkeys(f.task for f in parts):
        by = {f.variant: f for f in parts if f.task == task}
        cells = [_stacked(percent_gain(by[v])) if v in by else "" for v in COLUMNS]
        rows.append((f"gain on {task.rpartition(':')[2]}", "", *cells, ""))
    return rows


def _mean(findings: Sequence[Finding], name: str, variant: str) -> str:
    """Return a contender's own number: its metric, largest rate or share of collapses."""
    own = [
        f
        for f in findings
        if (f.optimizer, f.variant, f.against) == (name, variant, "") and f.quantity != "untuned"
    ]
    if not own:
        return ""
    f = own[-1]
    if f.quantity == "collapsed":
        return _stacked(f"{percent_gain(f, signed=False)}\ncollapsed")
    if math.isnan(f.low) or f.low == f.high:
        return number(f.mean, 4)
    return _stacked(interval(f.mean, f.low, f.high))
