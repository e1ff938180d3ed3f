"""Estimates with intervals, one below another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from analysis.bootstrap import Interval
from analysis.card import Picture
from analysis.figures.style import (
    COLORS,
    INK,
    PAPER,
    canvas,
    label,
    name_rows,
    picture,
    plain_ticks,
)


@dataclass(frozen=True)
class Dot:
    """One line of the drawing: a thick interval and, where there is one, a thin wider one."""

    name: str
    color: int
    thick: Interval
    thin: Interval | None = None


def dots(
    title: str,
    drawn: Sequence[Dot],
    unit: str,
    *,
    at: float | None = None,
    span: tuple[float, float] | None = None,
) -> Picture | None:
    """Draw estimates with intervals, None of nothing.

    Args:
        unit: what the axis shows.
        at: value of a line across, where nothing differs.
        span: ends of the axis; None takes what the intervals need.
    """
    if not drawn:
        return None
    with canvas(350, 78 + 27 * len(drawn)) as figure:
        ax = figure.subplots()
        if at is not None:
            ax.axvline(at, color=INK, linewidth=1)
        for y, dot in enumerate(drawn):
            _draw(ax, y, dot)
        name_rows(ax, [label(dot.name) for dot in drawn])
        plain_ticks(ax, y=False)
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel(unit)
        if span:
            ax.set_xlim(*span)
        return picture(figure, title)


def _draw(ax: Axes, y: int, dot: Dot) -> None:
    color = COLORS[dot.color]
    for interval, width, alpha in ((dot.thin, 1.2, 0.7), (dot.thick, 5, 1)):
        if interval:
            ends = [interval.low, interval.high]
            ax.plot(ends, [y, y], color=color, lw=width, alpha=alpha, solid_capstyle="butt")
    ax.plot(dot.thick.center, y, "o", ms=7, color=color, mec=PAPER, mew=1, clip_on=False)
