"""What has to be said beside a claim's verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from analysis.audit.findings import Finding
from analysis.audit.table import baseline
from analysis.text import interval, number
from flowadam.audit.claims import Claim
from flowadam.audit.forms import PUBLISHED


def notes_of(claim: Claim, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield why there is no verdict, results worse than trivial, and slopes over a dial."""
    mine = [f for f in findings if f.claim == claim.key]
    for f in mine:
        if f.verdict and f.sentence:
            yield f"{claim.key}: {f.sentence}"
    yield from _worse_than_trivial(claim, mine)
    for f in worse_than_untuned(claim, mine):
        yield (
            f"{claim.key}, {f.variant}: {f.optimizer} is worse after its search ({number(f.mean)}) "
            "than with its published settings: it was searched too little, and the word is about "
            "this winner."
        )
    yield from slopes_of(claim, findings)
    if claim.rates and mine:
        tried = ", ".join(f"{rate:g}" for rate in claim.rates)
        yield (
            f"{claim.key}: the rates tried are {tried}; a largest rate is known up to the next of "
            "them, which the interval of the ratio takes in."
        )


def slopes_of(claim: Claim, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the slopes over a dial, the control's too."""
    mine = [f for f in findings if f.claim == claim.key]
    for f in mine if claim.kind == "dial" else ():
        if f.quantity == "slope" and not math.isnan(f.low):
            what = f"log gain over {f.against}" if f.against else "log metric"
            slope = interval(f.mean, f.low, f.high, signed=True)
            yield (
                f"{claim.key}, {f.variant}: with each unit of the dial the {what} of "
                f"{f.optimizer} changes by {slope} (n = {f.n}){_always_behind(f, mine)}."
            )


def _always_behind(slope: Finding, findings: Sequence[Finding]) -> str:
    """Say that a gain is a loss at every value of the dial, where it is."""
    gains = [
        f.mean
        for f in findings
        if (f.quantity, f.against, f.variant) == ("gain", slope.against, slope.variant)
    ]
    return ", and is negative all along it" if gains and max(gains) < 0 else ""


def worse_than_untuned(claim: Claim, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield what a tuned form found where the published settings do better under the same rules."""
    mine = [f for f in findings if f.claim == claim.key]
    plain = {(f.variant, f.optimizer, f.task): f.mean for f in mine if f.quantity == "untuned"}
    for f in mine:
        key = f.variant, f.optimizer, f.task
        if f.quantity == "metric" and key in plain and f.mean > plain[key]:
            yield f


def _worse_than_trivial(claim: Claim, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the forms in which a contender's mean is above the best constant predictor's."""
    constant = baseline(findings, claim)
    for name in claim.names if constant else ():
        bad = [
            f.variant
            for f in findings
            if (f.quantity, f.optimizer, f.task) == ("metric", name, claim.tasks[0])
            and f.variant != PUBLISHED
            and constant
            and f.mean > constant.mean
        ]
        if bad and constant:
            yield (
                f"{claim.key}: {name} is worse than {constant.optimizer} "
                f"({number(constant.mean)}): {', '.join(bad)}."
            )
