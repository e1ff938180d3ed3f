"""Error against seconds, with the front that nobody beats."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.ticker import LogLocator

from analysis.card import Key, Picture
from analysis.figures.style import COLORS, INK, canvas, picture, plain_ticks
from analysis.intervals import Estimate
from analysis.timing import Clock, front

MARKERS = "os^"
LOG_RATIO = 4.0


def pareto(
    title: str,
    clocks: Mapping[str, Clock],
    results: Mapping[str, Estimate],
    keys: Mapping[str, Key],
) -> Picture | None:
    """Draw one point per optimizer that has both, None when there is none."""
    names = [name for name in clocks if name in results]
    if not names:
        return None
    places = [(clocks[name].total.mean, results[name].mean) for name in names]
    with canvas(350, 250) as figure:
        ax = figure.subplots()
        on = front(places)
        best = sorted(p for p, is_on in zip(places, on, strict=True) if is_on)
        ax.plot(*zip(*best, strict=True), color=INK, linewidth=1, drawstyle="steps-post")
        for name, (x, y) in zip(names, places, strict=True):
            key, e = keys[name], results[name]
            bars = None if e.low is None or e.high is None else [[y - e.low], [e.high - y]]
            ax.errorbar(x, y, bars, fmt=MARKERS[key.dash], color=COLORS[key.color], markersize=6)
        if _far_apart([x for x, _ in places]):
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        if _far_apart([y for _, y in places]):
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        plain_ticks(ax)
        ax.tick_params(length=0, which="both")
        ax.set_xlabel("seconds of a run, alone")
        ax.set_ylabel("test metric")
        return picture(figure, title)


def _far_apart(values: list[float]) -> bool:
    return min(values) > 0 and max(values) > LOG_RATIO * min(values)
