"""Rows of points with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.card import Picture
from analysis.figures.style import COLORS, INK, PAPER, canvas, label, name_rows, picture
from analysis.text import number


@dataclass(frozen=True)
class Dot:
    """One value with its interval.

    Args:
        row: the name at the left; dots of the same name share a row.
        center, low, high: shares, drawn in per cent; no point where the center is not finite.
        color: number of its color.
        hollow: drawn as a ring, the second of two kinds.
    """

    row: str
    center: float
    low: float
    high: float
    color: int
    hollow: bool = False


def dots(title: str, drawn: Sequence[Dot], xlabel: str, *, zero: bool = False) -> Picture | None:
    """Draw the dots, those that share a row one below the other; None without any.

    Args:
        zero: mark 0 as a line of no difference.
    """
    rows = list(dict.fromkeys(dot.row for dot in drawn))
    if not rows:
        return None
    with canvas(350, 74 + 27 * len(rows)) as figure:
        ax = figure.subplots()
        if zero:
            ax.axvline(0, color=INK, linewidth=1)
        for dot in drawn:
            y = rows.index(dot.row) + _shift(dot, drawn)
            color, ends = COLORS[dot.color], [100 * dot.low, 100 * dot.high]
            if all(math.isfinite(end) for end in ends):
                ax.plot(ends, [y, y], color=color, lw=2.5, alpha=0.8, solid_capstyle="butt")
            face = PAPER if dot.hollow else color
            ax.plot(100 * dot.center, y, "o", ms=6.5, color=face, mec=color, mew=1.5)
        name_rows(ax, [label(row, 20) for row in rows])
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{number(v)} %"))
        ax.set_xlabel(xlabel)
        return picture(figure, title)


def _shift(dot: Dot, drawn: Sequence[Dot]) -> float:
    """Return how far a dot stands off the middle of its row."""
    if len({other.hollow for other in drawn}) == 1:
        return 0.0
    return 0.17 if dot.hollow else -0.17
