"""From the runs of a claim to its verdicts, one rule for each kind of claim."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from analysis.audit.findings import Finding, Sample
from analysis.audit.readings import Reading
from analysis.audit.trends import dial, largest_rate, specific
from analysis.audit.verdicts import (
    EQUAL_LEVEL,
    Gain,
    Word,
    collapse_word,
    equal_word,
    paired_gain,
    share,
    share_difference,
    too_few,
    word,
)
from flowadam.audit.claims import ESSENTIAL_SEEDS, Claim


def judge(
    claim: Claim,
    variant: str,
    readings: Sequence[Reading],
    failed: Collection[tuple[str, str]] = (),
) -> list[Finding]:
    """Return what the runs of one form say: a number of every contender, then the verdicts.

    Args:
        failed: see `Sample`.
    """
    sample = Sample(claim, variant, readings, failed)
    numbers = sample.metrics() if claim.kind != "rate" else []
    return [*numbers, *(f for name in claim.against for f in _verdict(sample, name))]


def _verdict(sample: Sample, other: str) -> list[Finding]:
    try:
        return _RULES[sample.claim.kind](sample, other)
    except ValueError as error:
        return [sample.untested(other, str(error))]


def _better(sample: Sample, other: str) -> list[Finding]:
    return [_compared(sample, other, lambda gain: word(gain, sample.claim.claimed.get(other)))]


def _equal(sample: Sample, other: str) -> list[Finding]:
    margin = sample.claim.margin or 0.0
    return [_compared(sample, other, lambda gain: equal_word(gain, margin), EQUAL_LEVEL)]


def _compared(
    sample: Sample, other: str, verdict: Callable[[Gain], Word], level: float = 0.95
) -> Finding:
    """Return the gain over one rival, or why there is none."""
    pairs, why = sample.pairs(other), sample.obstacle(other)
    if not pairs:
        return sample.untested(other, why)
    own, others = [a for a, _ in pairs], [b for _, b in pairs]
    gain = paired_gain(own, others, sample.claim.unit, level)
    why = why or too_few(len(pairs))
    said: Word = "not testable" if why else verdict(gain)
    return sample.finding(gain, "gain", against=other, verdict=said, sentence=why)


def _essential(sample: Sample, other: str) -> list[Finding]:
    """Count a run that did not end well, or ended above the level, as collapsed."""
    level = sample.claim.level or 0.0
    both = [
        {s: v is None or v > level for s, v in sample.values(name).items()}
        for name in (sample.claim.optimizer, other)
    ]
    if not all(both):
        return [sample.untested(other)]
    said = collapse_word(both[0], both[1], ESSENTIAL_SEEDS)
    few = min(map(len, both)) < ESSENTIAL_SEEDS
    why = f"{min(map(len, both))} seeds; shares need {ESSENTIAL_SEEDS}." if few else ""
    names = sample.claim.optimizer, other
    counts = [(sum(one.values()), len(one)) for one in both]
    focus, rival = (share(hits, n) for hits, n in counts)
    gain = share_difference(*counts[1], *counts[0])
    return [
        sample.finding(focus, "collapsed", optimizer=names[0]),
        sample.finding(rival, "collapsed", optimizer=other),
        sample.finding(gain, "gain", against=other, verdict=said, sentence=why),
    ]


_RULES: dict[str, Callable[[Sample, str], list[Finding]]] = {
    "better": _better,
    "equal": _equal,
    "essential": _essential,
    "specific": specific,
    "dial": dial,
    "rate": largest_rate,
}
