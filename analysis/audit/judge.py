"""From the runs of a claim to its verdicts, one rule for each kind of claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from analysis.audit.findings import Finding, Sample
from analysis.audit.readings import Reading
from analysis.audit.verdicts import (
    EQUAL_LEVEL,
    FEWEST,
    Gain,
    Word,
    collapse_word,
    equal_word,
    paired_gain,
    relative,
    share,
    student,
    word,
)
from flowadam.audit.claims import ESSENTIAL_SEEDS, Claim
from flowadam.audit.plan import at_rate

CONTROL_SLOPE = 1e-3
"""Slope of the control's log metric that counts as rounding."""


def judge(claim: Claim, variant: str, readings: Sequence[Reading]) -> list[Finding]:
    """Return what the runs of one form say: a number of every contender, then the verdicts."""
    sample = Sample(claim, variant, readings)
    numbers = sample.metrics() if claim.kind != "rate" else []
    return [*numbers, *(f for name in claim.against for f in _RULES[claim.kind](sample, name))]


def _better(sample: Sample, other: str) -> list[Finding]:
    return [_compared(sample, other, lambda gain: word(gain, sample.claim.claimed.get(other)))]


def _equal(sample: Sample, other: str) -> list[Finding]:
    margin = sample.claim.margin or 0.0
    return [_compared(sample, other, lambda gain: equal_word(gain, margin), EQUAL_LEVEL)]


def _compared(
    sample: Sample, other: str, verdict: Callable[[Gain], Word], level: float = 0.95
) -> Finding:
    """Return the gain over one rival, or why there is none."""
    why, gain = sample.obstacle(other), None
    pairs = sample.pairs(other)
    if pairs:
        try:
            a, b = zip(*pairs, strict=True)
            gain = paired_gain(a, b, sample.claim.unit, level)
        except ValueError as error:
            why = why or str(error)
    why = why or _too_few(len(pairs))
    said: Word = "not testable" if why or gain is None else verdict(gain)
    return sample.finding(gain, "gain", against=other, verdict=said, sentence=why)


def _essential(sample: Sample, other: str) -> list[Finding]:
    """Count a run that did not end well, or ended above the level, as collapsed."""
    level = sample.claim.level or 0.0
    both = [
        {s: v is None or v > level for s, v in sample.values(name).items()}
        for name in (sample.claim.optimizer, other)
    ]
    if not all(both):
        return [_missing(sample, other, "collapsed")]
    said = collapse_word(both[0], both[1], ESSENTIAL_SEEDS)
    few = min(map(len, both)) < ESSENTIAL_SEEDS
    why = f"{min(map(len, both))} seeds; shares need {ESSENTIAL_SEEDS}." if few else ""
    names = sample.claim.optimizer, other
    focus, rival = (share(sum(one.values()), len(one)) for one in both)
    return [
        sample.finding(focus, "collapsed", optimizer=names[0]),
        sample.finding(rival, "collapsed", optimizer=other, against="", sentence=""),
        sample.finding(
            Gain(rival.mean - focus.mean, None, None, focus.n),
            "gain",
            against=other,
            verdict=said,
            sentence=why,
        ),
    ]


def _specific(sample: Sample, other: str) -> list[Finding]:
    """Compare log ratios: the gain on the task minus the gain on the control task."""
    own, control = sample.claim.tasks
    why = sample.obstacle(other, own) or sample.obstacle(other, control)
    if why:
        return [_missing(sample, other, "gain", why)]
    ratios = [_log_ratios(sample, other, task) for task in (own, control)]
    seeds = sorted(ratios[0].keys() & ratios[1].keys())
    gain = student([ratios[1][s] - ratios[0][s] for s in seeds]) if seeds else None
    why = _too_few(len(seeds))
    said = word(gain, sample.claim.claimed.get(other)) if gain else "not testable"
    each = [
        sample.finding(relative(student(list(found.values()))), "gain", against=other, task=task)
        for found, task in zip(ratios, (own, control), strict=True)
    ]
    whole = sample.finding(gain, "slope", against=other, verdict=said, sentence=why)
    return [*each, whole]


def _dial(sample: Sample, other: str) -> list[Finding]:
    """Fit a line to each seed's log gain over the dial; the mean slope has Student's interval."""
    claim, x = sample.claim, np.asarray(sample.claim.values)
    why = next((w for task in claim.tasks if (w := sample.obstacle(other, task))), "")
    if why:
        return [_missing(sample, other, "slope", why)]
    ratios = [_log_ratios(sample, other, task) for task in claim.tasks]
    slopes = _slopes(x, [{s: -d for s, d in found.items()} for found in ratios])
    gain, found = student(slopes) if slopes else None, []
    for ratio, task in zip(ratios, claim.tasks, strict=True):
        each = relative(student(list(ratio.values())))
        found.append(sample.finding(each, "gain", against=other, task=task))
    control = _control(sample, x)
    if control:
        found.append(sample.finding(control, "slope", optimizer=claim.control))
        if not _flat(control):
            why = f"{claim.control}, which must not see the dial, has a slope of its own."
    why = why or _too_few(len(slopes))
    said = "not testable" if why or gain is None else word(gain, claim.claimed.get(other))
    return [*found, sample.finding(gain, "slope", against=other, verdict=said, sentence=why)]


def _control(sample: Sample, x: np.ndarray) -> Gain | None:
    """Return the slope of the control's log metric over the dial."""
    name, logs = sample.claim.control, []
    for task in sample.claim.tasks if name else ():
        values = sample.values(name, task).items()
        logs.append({s: math.log(v) for s, v in values if v is not None and v > 0})
    slopes = _slopes(x, logs) if logs else []
    return student(slopes) if slopes else None


def _flat(slope: Gain) -> bool:
    if slope.low is None or slope.high is None:
        return False
    return slope.low <= 0 <= slope.high or abs(slope.mean) < CONTROL_SLOPE


def _rate(sample: Sample, other: str) -> list[Finding]:
    """Compare the largest rate up to which every run of a seed ended well."""
    largest = [_largest(sample, name) for name in (sample.claim.optimizer, other)]
    seeds = sorted(largest[0].keys() & largest[1].keys())
    if not seeds:
        return [_missing(sample, other, "rate")]
    logs = [math.log(largest[0][s] / largest[1][s]) for s in seeds]
    slope, found = student(logs), []
    for name, rates in zip((sample.claim.optimizer, other), largest, strict=True):
        gain = student([rates[s] for s in seeds])
        found.append(sample.finding(gain, "rate", optimizer=name))
    low, high = (None if e is None else math.expm1(e) for e in (slope.low, slope.high))
    gain = Gain(math.expm1(slope.mean), low, high, slope.n)
    why = _too_few(len(seeds))
    said = word(gain, sample.claim.claimed.get(other))
    return [*found, sample.finding(gain, "gain", against=other, verdict=said, sentence=why)]


def _largest(sample: Sample, name: str) -> dict[int, float]:
    """Return the largest rate by seed; a third of the smallest where that fails already."""
    rates, level = sample.claim.rates, sample.claim.level
    runs = [sample.values(at_rate(name, rate)) for rate in rates]
    below = rates[0] / 3
    found: dict[int, float] = {}
    for seed in set.intersection(*(set(run) for run in runs)):
        found[seed] = below
        for rate, run in zip(rates, runs, strict=True):
            value = run[seed]
            if value is None or (level is not None and value > level):
                break
            found[seed] = rate
    return found


def _log_ratios(sample: Sample, other: str, task: str) -> dict[int, float]:
    focus, rival = sample.values(sample.claim.optimizer, task), sample.values(other, task)
    found: dict[int, float] = {}
    for seed in focus.keys() & rival.keys():
        a, b = focus[seed], rival[seed]
        if a and b and a > 0 and b > 0:
            found[seed] = math.log(a / b)
    return found


def _slopes(x: np.ndarray, columns: Sequence[dict[int, float]]) -> list[float]:
    """Return each seed's least-squares slope over x, for seeds with a number at every x."""
    seeds = sorted(set.intersection(*(set(column) for column in columns)))
    return [float(np.polyfit(x, [column[s] for column in columns], 1)[0]) for s in seeds]


def _missing(sample: Sample, other: str, quantity: str, why: str = "") -> Finding:
    why = why or sample.obstacle(other) or "Runs are missing."
    return sample.finding(None, "gain", against=other, verdict="not testable", sentence=why)


def _too_few(n: int) -> str:
    return f"{n} pairs; a verdict needs {FEWEST}." if n < FEWEST else ""


_RULES: dict[str, Callable[[Sample, str], list[Finding]]] = {
    "better": _better,
    "equal": _equal,
    "essential": _essential,
    "specific": _specific,
    "dial": _dial,
    "rate": _rate,
}
