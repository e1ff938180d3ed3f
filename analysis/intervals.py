"""Means with intervals, paired tests, and the correction for many of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from flowadam.power import ALPHA as ALPHA
from flowadam.power import smallest_p as smallest_p

LEVEL = 0.95
# scipy enumerates all 2^n sign patterns while there are at most this many.
RESAMPLES = 9999


@dataclass(frozen=True)
class Estimate:
    """A mean with its two-sided 95 % interval; no interval when n = 1."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def excludes_zero(self) -> bool:
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def mean_interval(values: Sequence[float]) -> Estimate:
    """Return the mean and its Student interval ``m +- t(n - 1) s / sqrt(n)``.

    Exact for normal values; for n = 10 mildly skewed ones its coverage stays near the nominal 95 %,
    where bootstrap intervals of so few values fall short.

    Args:
        values: n >= 1 finite numbers, independent.
    """
    x = np.asarray(values, dtype=float)
    mean, n = float(x.mean()), len(x)
    if n == 1:
        return Estimate(mean, None, None, 1)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * float(x.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def welch_interval(a: Sequence[float], b: Sequence[float]) -> Estimate:
    """Return mean(a) - mean(b) with Welch's interval for two independent samples.

    Args:
        a, b: at least one number each; without two in each there is no interval.
    """
    difference, n = float(np.mean(a)) - float(np.mean(b)), min(len(a), len(b))
    if n < 2:
        return Estimate(difference, None, None, n)
    error, freedom = _welch(a, b)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Estimate(difference, difference - half, difference + half, n)


def welch_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the two-sided p-value of Welch's test, 1 without two numbers in each sample."""
    difference = float(np.mean(a)) - float(np.mean(b))
    if min(len(a), len(b)) < 2 or difference == 0:
        return 1.0
    error, freedom = _welch(a, b)
    return float(2 * stats.t.sf(abs(difference) / error, freedom)) if error else 0.0


def _welch(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Return the standard error of the difference and Satterthwaite's degrees of freedom."""
    va, vb = float(np.var(a, ddof=1)) / len(a), float(np.var(b, ddof=1)) / len(b)
    if va + vb == 0:
        return 0.0, 1.0
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    return math.sqrt(va + vb), freedom


def exact_interval(k: int, n: int) -> tuple[float, float]:
    """Return Clopper and Pearson's 95 % interval of a share of k in n."""
    found = stats.binomtest(k, n).proportion_ci(LEVEL, method="exact")
    return float(found.low), float(found.high)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the sign-flip permutation test of a zero mean.

    Under the null hypothesis each difference is as likely as its negative. All 2^n patterns are
    enumerated for n <= 13, otherwise 9999 are drawn.

    Args:
        differences: n >= 2 finite numbers.
    """
    d = np.asarray(differences, dtype=float)
    if not d.any():
        return 1.0
    result = stats.permutation_test(
        (d,),
        np.mean,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values: the i-th smallest of m times m - i + 1, made monotone.

    Equal to ``statsmodels.stats.multitest.multipletests(p, method="holm")``, which collects garbage
    in every call and so takes 50 ms, for hundreds of families on a page.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted.tolist()
