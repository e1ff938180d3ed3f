"""Median tuning curves with their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from analysis.card import Key, Picture
from analysis.figures.style import COLORS, DASHES, canvas, label, picture, plain_ticks
from analysis.tuning_curves import TuningCurve

LOG_RATIO = 4.0


def overlay(
    title: str, curves: Sequence[TuningCurve], shaded: Sequence[str], keys: Mapping[str, Key]
) -> Picture | None:
    """Draw the curves of one arena in one plot, None when none is finite anywhere.

    Args:
        shaded: the optimizers whose band is drawn.
    """
    if not _finite(curves):
        return None
    with canvas(350, 250) as figure:
        ax = figure.subplots()
        _axes(ax, curves)
        for curve in curves:
            _draw(ax, curve, keys[curve.cell.optimizer], band=curve.cell.optimizer in shaded)
        ax.set_xlabel("configurations tried, n")
        ax.set_ylabel("median of the best score")
        return picture(figure, title)


def facets(title: str, curves: Sequence[TuningCurve], keys: Mapping[str, Key]) -> Picture | None:
    """Draw the curves of one arena side by side, each with band and mean, over the faint first."""
    if not _finite(curves):
        return None
    with canvas(max(960, 125 * len(curves)), 210) as figure:
        panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
        for ax, curve in zip(panels, curves, strict=True):
            _axes(ax, curves)
            _draw(ax, curves[0], keys[curves[0].cell.optimizer], band=False, alpha=0.35)
            _draw(ax, curve, keys[curve.cell.optimizer], band=True, mean=True)
            ax.set_title(label(curve.cell.optimizer, 14), fontsize=10.5)
        return picture(figure, title, wide=True)


def _finite(curves: Sequence[TuningCurve]) -> list[float]:
    return [v for curve in curves for v in curve.median if np.isfinite(v)]


def _axes(ax: Axes, curves: Sequence[TuningCurve]) -> None:
    """Fit the axes to the medians: bands may be infinite, or reach down to 0."""
    values = _finite(curves)
    bottom, top = min(values), max(values)
    if bottom > 0 and top / bottom > LOG_RATIO:
        margin = (top / bottom) ** 0.1
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.set_ylim(bottom / margin, top * margin)
    else:
        margin = 0.1 * (top - bottom) or 0.1 * abs(top) or 1.0
        ax.set_ylim(bottom - margin, top + margin)
    n = max(len(curve.median) for curve in curves)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator([k for k in (1, 4, 16, 64, 256, 1024) if k <= n]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(1, max(n, 2))
    plain_ticks(ax)
    ax.tick_params(length=0, which="both")


def _draw(
    ax: Axes,
    curve: TuningCurve,
    key: Key,
    *,
    band: bool,
    mean: bool = False,
    alpha: float = 1.0,
) -> None:
    color, dash = COLORS[key.color], DASHES[key.dash]
    n = np.arange(1, len(curve.median) + 1)
    bottom, top = ax.get_ylim()
    if band:
        low, high = (np.clip(v, bottom, top) for v in (curve.low, curve.high))
        ax.fill_between(n, low, high, color=color, alpha=0.16, linewidth=0, step="mid")
    median = np.where(np.isfinite(curve.median), curve.median, np.nan)
    ax.plot(n, median, color=color, linestyle=dash, alpha=alpha)
    if mean and curve.mean:
        ax.plot(n, curve.mean, color=color, linewidth=0.8)
