"""Best-so-far validation against gradient evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from analysis.baselines import Trivial
from analysis.card import Key, Picture
from analysis.curves import Band
from analysis.figures.style import COLORS, DASHES, INK, canvas, label, picture, plain_ticks

LOG_RATIO = 4.0


def progress(
    title: str, bands: Sequence[Band], trivial: Trivial | None, keys: Mapping[str, Key]
) -> Picture | None:
    """Draw the bands of one arena, None when no curve is finite anywhere."""
    finite = [v for band in bands for v in (*band.low, *band.median) if np.isfinite(v)]
    if not finite:
        return None
    with canvas(350, 250) as figure:
        ax = figure.subplots()
        for band in bands:
            key = keys[band.optimizer]
            color, dash = COLORS[key.color], DASHES[key.dash]
            x = np.array(band.grad_evals)
            low, median, high = (_hide(v) for v in (band.low, band.median, band.high))
            ax.fill_between(x, low, high, color=color, alpha=0.16, linewidth=0)
            ax.plot(x, median, color=color, linestyle=dash)
        bottom, top = min(finite), max(finite)
        if bottom > 0 and top / bottom > LOG_RATIO:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        if trivial and bottom <= trivial.val <= top:
            _mark(ax, trivial)
        ax.set_xlim(left=0)
        ax.locator_params(axis="x", nbins=5)
        plain_ticks(ax)
        ax.tick_params(length=0, which="both")
        ax.set_xlabel("gradient evaluations")
        ax.set_ylabel("best validation so far")
        return picture(figure, title)


def _mark(ax: Axes, trivial: Trivial) -> None:
    ax.axhline(trivial.val, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    ax.annotate(
        label(trivial.name),
        (1, trivial.val),
        xycoords=("axes fraction", "data"),
        xytext=(0, -3),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=10,
    )


def _hide(values: Sequence[float]) -> np.ndarray:
    """Turn infinities, which have no place on an axis, into gaps."""
    v = np.array(values)
    return np.where(np.isfinite(v), v, np.nan)
