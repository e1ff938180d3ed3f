"""The reference against its rivals: differences with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.card import Picture
from analysis.compare import Comparison, Word
from analysis.figures.style import COLORS, INK, PAPER, canvas, label, name_rows, picture
from analysis.text import number

FILL: dict[Word, float] = {"better": 1.0, "worse": 1.0, "ahead": 0.4, "behind": 0.4}


def forest(
    title: str, comparisons: Sequence[Comparison], colors: Mapping[str, int]
) -> Picture | None:
    """Draw the relative differences of one arena, None when no pair has any.

    The thick line is the interval over seeds, the thin one Welch's over the winners; the fuller
    the point, the stronger the verdict.
    """
    drawn = [c for c in comparisons if c.relative is not None]
    if not drawn:
        return None
    with canvas(350, 92 + 27 * len(drawn)) as figure:
        ax = figure.subplots()
        ax.axvline(0, color=INK, linewidth=1)
        for y, comparison in enumerate(drawn):
            _draw(ax, y, comparison, COLORS[colors[comparison.rival]])
        name_rows(ax, [label(c.rival) for c in drawn])
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{number(v)} %"))
        reference = drawn[0].reference
        ax.set_xlabel(f"test metric of {label(reference, 16)} minus the rival's, in %")
        ax.set_title(f"← {label(reference, 14)} lower (better)", loc="left", fontsize=10.5)
        ax.set_title("higher (worse) →", loc="right", fontsize=10.5)
        return picture(figure, title)


def _draw(ax: Axes, y: int, c: Comparison, color: str) -> None:
    for interval, width, alpha in ((c.tuning, 1.2, 0.7), (c.difference, 5, 1)):
        if interval and c.scale and interval.low is not None and interval.high is not None:
            ends = [100 * interval.low / c.scale, 100 * interval.high / c.scale]
            ax.plot(ends, [y, y], color=color, lw=width, alpha=alpha, solid_capstyle="butt")
    mean = 100 * (c.relative or 0)
    ax.plot(mean, y, "o", ms=7, color=PAPER, mec=color, mew=1.6)
    ax.plot(mean, y, "o", ms=7, color=color, alpha=FILL.get(c.word, 0.0), mew=0)
