"""Tests across tasks: Friedman, one optimizer against each rival by Wilcoxon, effect sizes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from analysis.bootstrap import RESAMPLES, Interval, expanded_level
from analysis.intervals import ALPHA, holm

Word = Literal["better", "worse", "no difference shown"]


@dataclass(frozen=True)
class Omnibus:
    """Friedman's test that all optimizers rank alike.

    Args:
        ranks: optimizer -> mean rank over tasks, 1 is best, ties share.
        chi2, p: Friedman's statistic and its p-value with m - 1 degrees of freedom.
        f, f_p: Iman and Davenport's correction, less conservative.
    """

    ranks: Mapping[str, float]
    chi2: float
    p: float
    f: float
    f_p: float
    n: int


@dataclass(frozen=True)
class RankTest:
    """One optimizer against a rival over all tasks; negative values favor the optimizer.

    Args:
        median: median over tasks of the difference, cut off at +-1, with a bootstrap interval over
            tasks.
        biserial: matched rank-biserial correlation.
        p: Wilcoxon's signed-rank test, two-sided.
        p_holm: by Holm over the rivals; None for a control, which is in no family.
        word: better or worse if `p_holm` is below 0.05; None for a control.
        n: number of tasks.
    """

    rival: str
    median: Interval
    biserial: float
    p: float
    p_holm: float | None
    word: Word | None
    n: int


def friedman(values: Mapping[str, Sequence[float]]) -> Omnibus:
    """Return Friedman's test with mean ranks, corrected for ties.

    Source: Demsar, Statistical comparisons of classifiers over multiple data sets (2006), 3.2.2.

    Args:
        values: for each of m >= 3 optimizers its value on the same n tasks, lower is better.
    """
    table = np.array(list(values.values()), dtype=float)
    m, n = table.shape
    ranks = stats.rankdata(table, axis=0).mean(axis=1)
    chi2, p = stats.friedmanchisquare(*table) if np.ptp(ranks) else (0.0, 1.0)
    f = iman_davenport(float(chi2), m, n)
    f_p = float(stats.f.sf(f, m - 1, (m - 1) * (n - 1)))
    return Omnibus(dict(zip(values, ranks.tolist(), strict=True)), float(chi2), float(p), f, f_p, n)


def iman_davenport(chi2: float, m: int, n: int) -> float:
    """Return ``F = (n - 1) chi2 / (n (m - 1) - chi2)``, with m - 1 and (m - 1)(n - 1) degrees.

    Args:
        chi2: Friedman's statistic of m optimizers on n tasks; its largest value gives +inf.
    """
    rest = n * (m - 1) - chi2
    return (n - 1) * chi2 / rest if rest > 1e-9 else np.inf


def many_to_one(
    focus: Sequence[float],
    rivals: Mapping[str, Sequence[float]],
    controls: Mapping[str, Sequence[float]],
) -> list[RankTest]:
    """Test the focus against each rival, by Holm, and against each control, uncorrected.

    Args:
        focus, rivals, controls: values on the same tasks in a unit common to all tasks, lower is
            better; +inf for a failure, which loses to everything but another failure.
    """
    p_values = [signed_rank_p(_differences(focus, values)) for values in rivals.values()]
    adjusted = [*holm(p_values), *[None] * len(controls)]
    everyone = [*rivals.items(), *controls.items()]
    return [
        _tested(name, _differences(focus, values), p)
        for (name, values), p in zip(everyone, adjusted, strict=True)
    ]


def signed_rank_p(differences: np.ndarray) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test, exact at these sizes.

    Zero differences are left out; without any other the p-value is 1.
    """
    if not np.any(differences):
        return 1.0
    _, p = np.asarray(stats.wilcoxon(differences), dtype=float)
    return float(p)


def biserial(differences: np.ndarray) -> float:
    """Return the matched rank-biserial correlation ``(R+ - R-) / (R+ + R-)``, 0 without ranks.

    R+ and R- add up the ranks of the absolute differences above and below 0; zeros are left out.

    Source: Kerby, The simple difference formula (2014).
    """
    d = differences[differences != 0]
    ranks = stats.rankdata(np.abs(d))
    return float(np.sum(np.sign(d) * ranks) / np.sum(ranks)) if len(d) else 0.0


def median_difference(differences: np.ndarray) -> Interval:
    """Return the median with its bootstrap interval over tasks (n >= 2).

    Differences beyond +-1 count as +-1, which changes nothing while the median is within and makes
    a failure finite.
    """
    n, differences = len(differences), np.clip(differences, -1, 1)
    low, high = stats.bootstrap(
        (differences,),
        np.median,
        method="percentile",
        n_resamples=RESAMPLES,
        confidence_level=expanded_level(n),
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(np.median(differences)), float(low), float(high))


def all_pairs(values: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Return Holm's adjusted p-values of the signed-rank tests of all pairs, [m, m]; 1 with itself.

    Args:
        values: as in `many_to_one`.
    """
    names = list(values)
    pairs = list(itertools.combinations(names, 2))
    p_values = holm([signed_rank_p(_differences(values[a], values[b])) for a, b in pairs])
    matrix = pd.DataFrame(1.0, index=names, columns=names)
    for (a, b), p in zip(pairs, p_values, strict=True):
        matrix.loc[a, b] = matrix.loc[b, a] = p
    return matrix


def _differences(a: Sequence[float], b: Sequence[float]) -> np.ndarray:
    """Return a - b; two failures tie."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.subtract(a, b), nan=0.0, posinf=np.inf, neginf=-np.inf)


def _tested(rival: str, differences: np.ndarray, p_holm: float | None) -> RankTest:
    median = median_difference(differences)
    return RankTest(
        rival,
        median,
        biserial(differences),
        signed_rank_p(differences),
        p_holm,
        None if p_holm is None else judge(biserial(differences), p_holm),
        len(differences),
    )


def judge(direction: float, p_holm: float) -> Word:
    """Return the word: below 0.05 the side on which the ranks lie, else no difference shown."""
    if p_holm >= ALPHA:
        return "no difference shown"
    return "better" if direction < 0 else "worse"
