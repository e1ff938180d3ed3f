"""A probe's mean and interval against gradient evaluations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.ticker import LogLocator

from analysis.card import Key, Picture
from analysis.figures.progress import LOG_RATIO
from analysis.figures.style import COLORS, DASHES, canvas, label, picture, plain_ticks
from analysis.probes import ProbeCurve


def probe_picture(
    title: str, probe: str, curves: Sequence[ProbeCurve], keys: Mapping[str, Key]
) -> Picture:
    """Draw the curves of one probe in one arena, on a log scale where the means span much."""
    means = [point.mean for curve in curves for point in curve.points]
    log = min(means) > 0 and max(means) / min(means) > LOG_RATIO
    floor = min(means) / LOG_RATIO if log else -math.inf  # a log scale has no room for zero
    with canvas(350, 250) as figure:
        ax = figure.subplots()
        for curve in curves:
            key = keys[curve.optimizer]
            color, dash = COLORS[key.color], DASHES[key.dash]
            low, high = band_ends(curve, floor)
            ax.fill_between(curve.grad_evals, low, high, color=color, alpha=0.16, linewidth=0)
            mean = [point.mean for point in curve.points]
            ax.plot(curve.grad_evals, mean, color=color, linestyle=dash)
        if log:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.set_xlim(left=0)
        ax.locator_params(axis="x", nbins=5)
        plain_ticks(ax)
        ax.tick_params(length=0, which="both")
        ax.set_xlabel("gradient evaluations")
        ax.set_ylabel(label(probe, 30))
        return picture(figure, title)


def band_ends(curve: ProbeCurve, floor: float) -> tuple[list[float], list[float]]:
    """Return the interval's ends, the lower one at least `floor`; nan where there is none."""
    low = [math.nan if p.low is None else max(p.low, floor) for p in curve.points]
    high = [math.nan if p.high is None else p.high for p in curve.points]
    return low, high
