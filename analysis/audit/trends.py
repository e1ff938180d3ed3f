"""Verdicts over several tasks or rates: a gain on one alone, along a dial, up to a rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.audit.findings import Finding, Sample
from analysis.audit.verdicts import POSITIVE, Gain, Word, center, relative, student, too_few, word
from flowadam.audit.plan import at_rate

CONTROL_SLOPE = 1e-3
"""Slope of the control's log metric that counts as rounding."""


def specific(sample: Sample, other: str) -> list[Finding]:
    """Compare gains by seed: 1 - focus / other on the task, minus the same on the control task."""
    own, control = sample.claim.tasks
    why = sample.obstacle(other, own) or sample.obstacle(other, control)
    if why:
        return [sample.untested(other, why)]
    ratios = [_log_ratios(sample, other, task) for task in (own, control)]
    seeds = sorted(ratios[0].keys() & ratios[1].keys())
    gain = student([math.exp(ratios[1][s]) - math.exp(ratios[0][s]) for s in seeds])
    why, said = too_few(len(seeds)), word(gain, sample.claim.claimed.get(other))
    each = [
        sample.finding(relative(student(list(found.values()))), "gain", against=other, task=task)
        for found, task in zip(ratios, (own, control), strict=True)
    ]
    whole = sample.finding(gain, "difference", against=other, verdict=said, sentence=why)
    return [*each, whole]


def dial(sample: Sample, other: str) -> list[Finding]:
    """Fit a line to each seed's log gain over the dial; the mean slope has Student's interval."""
    claim, x = sample.claim, np.asarray(sample.claim.values)
    why = next((w for task in claim.tasks if (w := sample.obstacle(other, task))), "")
    if why:
        return [sample.untested(other, why)]
    ratios = [_log_ratios(sample, other, task) for task in claim.tasks]
    slopes = _slopes(x, [{s: -d for s, d in found.items()} for found in ratios])
    gain, found = student(slopes), []
    for ratio, task in zip(ratios, claim.tasks, strict=True):
        each = relative(student(list(ratio.values())))
        found.append(sample.finding(each, "gain", against=other, task=task))
    if control := _control(sample, x):
        found.append(sample.finding(control, "slope", optimizer=claim.control))
    if claim.control and not (control and _flat(control)):
        why = f"{claim.control}, which must not see the dial, has a slope of its own."
    why = why or too_few(len(slopes))
    said: Word = "not testable" if why else word(gain, claim.claimed.get(other))
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


def largest_rate(sample: Sample, other: str) -> list[Finding]:
    """Compare the largest rate up to which every run of a seed ended well."""
    largest = [_largest(sample, name) for name in (sample.claim.optimizer, other)]
    seeds = sorted(largest[0].keys() & largest[1].keys())
    if not seeds:
        return [sample.untested(other)]
    slope, found = _rate_ratio(sample, [[rates[s] for s in seeds] for rates in largest]), []
    for name, rates in zip((sample.claim.optimizer, other), largest, strict=True):
        gain = center([rates[s] for s in seeds], "relative")
        found.append(sample.finding(gain, "rate", optimizer=name))
    low, high = (None if e is None else math.expm1(e) for e in (slope.low, slope.high))
    gain = Gain(math.expm1(slope.mean), low, high, slope.n)
    why = too_few(len(seeds))
    if max(max(rates.values()) for rates in largest) == sample.claim.rates[-1]:
        why = "Runs end well at the largest rate that was tried."
    said: Word = "not testable" if why else word(gain, sample.claim.claimed.get(other))
    return [*found, sample.finding(gain, "gain", against=other, verdict=said, sentence=why)]


def _rate_ratio(sample: Sample, rates: Sequence[Sequence[float]]) -> Gain:
    """Return the mean log ratio of two lists of largest rates, by seed.

    The truth lies between a rate and the next of the grid: the lower end of the interval sets the
    next rates of the other in the place of its own, the upper end those of the first.
    """
    tried = sample.claim.rates
    following = dict(zip((tried[0] / 3, *tried), (*tried, 3 * tried[-1]), strict=True))
    pairs = list(zip(*rates, strict=True))
    found = student([math.log(a / b) for a, b in pairs])
    low = student([math.log(a / following[b]) for a, b in pairs]).low
    high = student([math.log(following[a] / b) for a, b in pairs]).high
    return Gain(found.mean, low, high, found.n)


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
    """Return log(focus / other) by seed.

    Raises:
        ValueError: a number that is not positive, or no pair at all.
    """
    focus, rival = sample.values(sample.claim.optimizer, task), sample.values(other, task)
    found: dict[int, float] = {}
    for seed in focus.keys() & rival.keys():
        a, b = focus[seed] or 0.0, rival[seed] or 0.0
        if not (a > 0 and b > 0):
            raise ValueError(POSITIVE)
        found[seed] = math.log(a / b)
    if not found:
        raise ValueError("The runs have no seed in common.")
    return found


def _slopes(x: np.ndarray, columns: Sequence[dict[int, float]]) -> list[float]:
    """Return each seed's least-squares slope over x, for seeds with a number at every x."""
    seeds = sorted(set.intersection(*(set(column) for column in columns)))
    return [float(np.polyfit(x, [column[s] for column in columns], 1)[0]) for s in seeds]
