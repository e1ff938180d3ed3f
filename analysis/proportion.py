"""A share of n independent cases with its exact interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from analysis.intervals import LEVEL


@dataclass(frozen=True)
class Share:
    """k of n cases with the two-sided 95 % interval of their probability."""

    k: int
    n: int
    low: float
    high: float

    @property
    def wait(self) -> tuple[float, float, float]:
        """Median number of draws until the first such case, and its interval."""
        return median_wait(self.k / self.n), median_wait(self.high), median_wait(self.low)


def share(k: int, n: int) -> Share:
    """Return k of n with Clopper and Pearson's interval, which covers at least 95 % always.

    Where the cases have unequal probabilities it covers their mean.
    """
    interval = stats.binomtest(k, n).proportion_ci(LEVEL, method="exact")
    return Share(k, n, float(interval.low), float(interval.high))


def median_wait(p: float) -> float:
    """Return the smallest n with ``1 - (1 - p)^n >= 1/2``, +inf at p = 0."""
    if p <= 0:
        return math.inf
    return 1.0 if p >= 0.5 else float(math.ceil(math.log(0.5) / math.log1p(-p) - 1e-9))
