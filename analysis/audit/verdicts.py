"""The words of an audit and the rule behind each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from analysis.text import count

Word = Literal["holds", "shrinks", "vanishes", "reverses", "not testable"]
WORDS: tuple[Word, ...] = ("holds", "shrinks", "vanishes", "reverses", "not testable")

FEWEST = 5
"""Pairs below which no verdict is given."""

POSITIVE = "A relative gain needs positive numbers."

EQUAL_LEVEL = 0.90
"""Level of the interval of an equal claim: two one-sided tests at 5 %."""


@dataclass(frozen=True)
class Gain:
    """What the optimizer in focus is ahead by, with a two-sided interval; positive is better.

    Args:
        low, high: None without two pairs.
        n: pairs.
    """

    mean: float
    low: float | None
    high: float | None
    n: int


def paired_gain(
    focus: Sequence[float], other: Sequence[float], unit: str, level: float = 0.95
) -> Gain:
    """Return the gain of `focus` over `other`, pair by pair; lower numbers are better.

    relative: with d = log(focus / other), 1 - exp(mean d), and the ends of Student's interval of d
    mapped alike: 1 - ratio of geometric means. For small gains it is the mean of 1 - focus / other,
    but no single pair can outweigh all others, and exchanging the two exchanges the verdict.
    absolute: the mean of other - focus with Student's interval.

    Raises:
        ValueError: a relative gain of numbers that are not all positive.
    """
    a, b = np.asarray(focus, dtype=float), np.asarray(other, dtype=float)
    if unit == "absolute":
        return student(b - a, level)
    if not ((a > 0).all() and (b > 0).all()):
        raise ValueError(POSITIVE)
    return relative(student(np.log(a / b), level))


def relative(logs: Gain) -> Gain:
    """Return 1 - exp(d) for a mean d of log ratios, its interval mapped alike."""
    low = None if logs.high is None else 1 - math.exp(logs.high)
    high = None if logs.low is None else 1 - math.exp(logs.low)
    return Gain(1 - math.exp(logs.mean), low, high, logs.n)


def student(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Gain:
    """Return the mean of n >= 1 numbers and its Student interval."""
    x = np.asarray(values, dtype=float)
    mean, n = float(x.mean()), len(x)
    if n < 2:
        return Gain(mean, None, None, n)
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * float(x.std(ddof=1)) / math.sqrt(n)
    return Gain(mean, mean - half, mean + half, n)


def word(gain: Gain, claimed: float | None = None) -> Word:
    """Return the verdict on a gain with the 95 % interval [l, h].

    holds: l > 0 and h >= claimed (or no number is claimed). shrinks: l > 0 and h < claimed.
    vanishes: l <= 0 <= h. reverses: h < 0. not testable: fewer than 5 pairs.
    """
    if gain.n < FEWEST or gain.low is None or gain.high is None:
        return "not testable"
    if gain.low > 0:
        return "holds" if claimed is None or gain.high >= claimed else "shrinks"
    return "reverses" if gain.high < 0 else "vanishes"


def equal_word(gain: Gain, margin: float) -> Word:
    """Return the verdict on equality, of a 90 % interval [l, h].

    holds: -margin < l and h < margin. reverses: h <= -margin or l >= margin, all of it outside.
    vanishes: neither, so that the runs do not show it. not testable: fewer than 5 pairs.
    """
    if gain.n < FEWEST or gain.low is None or gain.high is None:
        return "not testable"
    if -margin < gain.low and gain.high < margin:
        return "holds"
    return "reverses" if gain.high <= -margin or gain.low >= margin else "vanishes"


def collapse_word(focus: Mapping[int, bool], other: Mapping[int, bool], fewest: int) -> Word:
    """Return the verdict on "without it, runs collapse", from who collapsed by seed.

    Of the seeds on which one alone of the two collapsed, let s be the share where it was the
    other, with its exact (Clopper-Pearson) interval [l, h]. holds: l > 1/2. reverses: h < 1/2.
    vanishes: otherwise, also where both always ended alike. not testable: too few seeds.
    """
    seeds = focus.keys() & other.keys()
    if len(seeds) < fewest:
        return "not testable"
    only_other = sum(other[s] and not focus[s] for s in seeds)
    apart = sum(other[s] != focus[s] for s in seeds)
    if not apart:
        return "vanishes"
    ends = stats.binomtest(only_other, apart).proportion_ci(0.95, method="exact")
    return "holds" if ends.low > 0.5 else "reverses" if ends.high < 0.5 else "vanishes"


def center(values: Sequence[float], unit: str) -> Gain:
    """Return what the gains of a unit compare, with its 95 % interval.

    relative: the geometric mean with Student's interval of the logarithms; of numbers that are not
    all positive, and absolute: the mean with Student's interval, cut off at 0 for numbers that
    cannot be below, which takes nothing from its coverage.
    """
    if unit == "absolute" or min(values) <= 0:
        found = student(values)
        cut = min(values) >= 0 and found.low is not None and found.low < 0
        return replace(found, low=0.0) if cut else found
    logs = student(np.log(values))
    low, high = (None if end is None else math.exp(end) for end in (logs.low, logs.high))
    return Gain(math.exp(logs.mean), low, high, logs.n)


def share(hits: int, n: int, level: float = 0.95) -> Gain:
    """Return a share with its exact (Clopper-Pearson) interval."""
    ends = stats.binomtest(hits, n).proportion_ci(level, method="exact")
    return Gain(hits / n, float(ends.low), float(ends.high), n)


def share_difference(hits: int, n: int, other_hits: int, other_n: int) -> Gain:
    """Return hits / n - other_hits / other_n with an interval that covers at least 95 %.

    It subtracts the exact 97.5 % intervals of both shares, so it holds however the runs of the two
    depend on each other, and is wider than it need be.
    """
    one, other = share(hits, n, 0.975), share(other_hits, other_n, 0.975)
    low, high = (one.low or 0.0) - (other.high or 0.0), (one.high or 0.0) - (other.low or 0.0)
    return Gain(one.mean - other.mean, low, high, min(n, other_n))


def too_few(n: int) -> str:
    """Say that n pairs are too few for a verdict, "" where they are enough."""
    return f"{count(n, 'pair')}; a verdict needs {FEWEST}." if n < FEWEST else ""
