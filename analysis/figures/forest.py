"""The reference against its rivals: differences with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.card import Picture
from analysis.compare import Comparison
from analysis.figures.style import COLORS, INK, PAPER, canvas, label, picture
from analysis.intervals import Estimate
from analysis.text import number

Band = tuple[float, float, float]


def forest(
    title: str, comparisons: Sequence[Comparison], colors: Mapping[str, int]
) -> Picture | None:
    """Draw the relative differences of one arena, None when no pair has any.

    The thick line is the interval over seeds, the thin one Welch's over the winners; the point is
    filled where the verdict is "better" or "worse".
    """
    drawn = [c for c in comparisons if c.relative is not None and c.difference]
    if not drawn:
        return None
    with canvas(360, 92 + 27 * len(drawn)) as figure:
        ax = figure.subplots()
        ax.axvline(0, color=INK, linewidth=1)
        for y, c in enumerate(drawn):
            color = COLORS[colors[c.rival]]
            if c.tuning and (wide := _percent(c, c.tuning)):
                ax.plot(wide[1:], [y, y], color=color, linewidth=1, alpha=0.6)
            mean, low, high = _percent(c, c.difference) or (100 * (c.relative or 0), 0, 0)
            if c.difference.low is not None:
                ax.plot([low, high], [y, y], color=color, linewidth=5, solid_capstyle="butt")
            shown = c.word in ("better", "worse")
            ax.plot(mean, y, "o", ms=7, mfc=color if shown else PAPER, mec=color, mew=1.6)
        ax.set_yticks(range(len(drawn)), [label(c.rival) for c in drawn])
        ax.set_ylim(len(drawn) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        ax.tick_params(length=0)
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{number(v)} %"))
        _make_room(ax)
        ax.set_xlabel(f"test metric of {label(drawn[0].reference, 16)} relative to the rival")
        ax.set_title(
            f"← {label(drawn[0].reference, 14)} lower (better)", loc="left", fontsize=9.5
        )
        ax.set_title("higher (worse) →", loc="right", fontsize=9.5)
        return picture(figure, title)


def _make_room(ax) -> None:
    low, high = ax.get_xlim()
    ends = max(abs(low), abs(high), 0.1)
    ax.set_xlim(min(low, -0.25 * ends), max(high, 0.25 * ends))


def _percent(c: Comparison, e: Estimate) -> Band | None:
    """Scale an absolute estimate as `relative` scales the difference; None without an interval."""
    if e.low is None or e.high is None or c.difference is None or c.relative is None:
        return None
    scale = 100 * c.relative / c.difference.mean if c.difference.mean else 0.0
    return e.mean * scale, e.low * scale, e.high * scale
