"""Confirmed test results: every seed, the mean with its interval, default and trivial beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from analysis.baselines import Trivial
from analysis.card import Picture
from analysis.confirmed import Confirmed
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
from analysis.text import number


def strip(
    title: str, results: Sequence[Confirmed], trivial: Trivial | None, colors: Mapping[str, int]
) -> Picture | None:
    """Draw the confirmed results of one arena, None when there are none.

    The axis spans the tuned results; a default or trivial result far outside is an arrow at the
    edge with its value.
    """
    drawn = [r for r in results if r.by_seed]
    if not drawn:
        return None
    with canvas(350, 80 + 32 * len(drawn)) as figure:
        ax = figure.subplots()
        for y, result in enumerate(drawn):
            _draw(ax, y, result, COLORS[colors[result.cell.optimizer]])
        low, high = ax.get_xlim()
        room = 0.6 * (high - low)
        for y, result in enumerate(drawn):
            if result.default:
                _mark(ax, y, result.default.mean, "default", (low, high), room)
        if trivial and low - room <= trivial.test <= high + room:
            ax.axvline(trivial.test, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        name_rows(ax, [label(r.cell.optimizer) for r in drawn], below=0.5)
        plain_ticks(ax, y=False)
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel("test metric at the selected point (lower is better)")
        return picture(figure, title)


def _draw(ax: Axes, y: int, result: Confirmed, color: str) -> None:
    values = list(result.by_seed.values())
    ax.plot(values, [y + 0.24] * len(values), "o", ms=4, color=color, alpha=0.45, mew=0)
    test = result.test
    if test and test.low is not None and test.high is not None:
        ax.plot([test.low, test.high], [y, y], color=color, lw=5, solid_capstyle="butt")
    if test:
        ax.plot(test.mean, y, "o", ms=7, color=color, mec=PAPER, mew=1)
    winners = list(result.by_winner.values())
    ax.plot(winners, [y] * len(winners), "|", ms=12, color=color, mew=1.4)


def _mark(
    ax: Axes, y: int, value: float, name: str, span: tuple[float, float], room: float
) -> None:
    """Put a hollow diamond at `value`, or an arrow at the edge when it lies beyond the room."""
    low, high = span
    if low - room <= value <= high + room:
        ax.plot(value, y, "D", ms=6, mfc="none", mec=INK, mew=1.2)
        return
    right = value > high
    text = f"{name} {number(value)} →" if right else f"← {name} {number(value)}"
    ax.annotate(
        text,
        (1.0 if right else 0.0, y - 0.26),
        xycoords=("axes fraction", "data"),
        ha="right" if right else "left",
        va="center",
        fontsize=10,
    )
