"""An optimizer and its flows on one axis of steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator

from analysis.card import Key, Picture
from analysis.edge.runs import FLOWS, Series, TrackedRun
from analysis.figures.style import COLORS, INK, canvas, picture, plain_ticks

LOOKS = {"stable": 1, "matrix": 4, "rod": 0}
DISCRETE = 6
LOWEST, MARGIN = 0.02, 1.5
"""Share of points that a logarithmic axis may cut off below, and the room at its ends."""
FEW = 50
"""Ratio of its ends below which powers of ten are too few as ticks."""
KEYS = (
    *(Key(FLOWS[flow], color, 0) for flow, color in LOOKS.items()),
    Key("the optimizer itself", DISCRETE, 0),
)
Pick = Callable[[TrackedRun], Series]


def tracking_picture(runs: Sequence[TrackedRun]) -> Picture:
    """Draw error, loss, oscillation and S / S* over steps: the median over runs of one optimizer.

    Args:
        runs: of one task and one optimizer, at least one.
    """
    title = f"{runs[0].optimizer} on {runs[0].task}"
    with canvas(350, 560) as figure:
        error, loss, swing, edge = figure.subplots(4, 1, sharex=True)
        for flow, color in LOOKS.items():
            draw(error, runs, reading(f"{flow}_error"), color)
            draw(loss, runs, reading(f"{flow}_loss"), color)
            if flow != "stable":
                draw(swing, runs, reading(f"{flow}_extent"), color)
        draw(loss, runs, lambda run: run.loss, DISCRETE)
        draw(swing, runs, reading("oscillation"), DISCRETE)
        draw(edge, runs, reading("edge"), DISCRETE)
        edge.axhline(1, color=INK, linewidth=1, linestyle="--")
        for ax, name in zip(
            (error, loss, swing, edge), ("error", "loss", "oscillation", "S / S*"), strict=True
        ):
            finish(ax, name, log=ax is not edge)
        _mark_onset((error, loss, swing, edge), runs)
        edge.set_xlabel("optimizer steps")
        return picture(figure, title)


def reading(name: str) -> Pick:
    """Return what takes a reading by its name from a run."""
    return lambda run: run.series(name)


def draw(ax: Axes, runs: Sequence[TrackedRun], pick: Pick, color: int) -> None:
    """Draw the median over the runs that have a value, and every run as a thin line."""
    by_mark: dict[int, list[tuple[int, float]]] = {}
    for run in runs:
        series = pick(run)
        ax.plot(series.steps, series.values, color=COLORS[color], linewidth=0.6, alpha=0.35)
        # By the mark, not the step: what a step costs may shift the marks of one run.
        for mark, point in enumerate(zip(series.steps, series.values, strict=True)):
            if math.isfinite(point[1]):
                by_mark.setdefault(mark, []).append(point)
    points = [tuple(map(median, zip(*by_mark[mark], strict=True))) for mark in sorted(by_mark)]
    ax.plot(*zip(*points, strict=True) if points else ((), ()), color=COLORS[color])


def finish(ax: Axes, name: str, *, log: bool) -> None:
    """Name the axis, and make it logarithmic where that is asked for and possible."""
    if log and any((np.asarray(line.get_ydata()) > 0).any() for line in ax.lines):
        low, high = _span(ax)
        ax.set_yscale("log")
        ax.set_ylim(low, high)
        few = high / low < FEW
        ax.yaxis.set_major_locator(MaxNLocator(4) if few else LogLocator(numticks=5))
    plain_ticks(ax)
    ax.tick_params(length=0, which="both")
    ax.set_ylabel(name)


def _span(ax: Axes) -> tuple[float, float]:
    """Return the ends of a logarithmic axis; single points far below all others are cut off."""
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines]
    values = np.concatenate(lines)
    values = values[np.isfinite(values) & (values > 0)]
    return float(np.quantile(values, LOWEST)) / MARGIN, float(values.max()) * MARGIN


def _mark_onset(axes: Sequence[Axes], runs: Sequence[TrackedRun]) -> None:
    """Mark the median onset."""
    known = [run.onset for run in runs if not math.isnan(run.onset)]
    for ax in axes if known else ():
        ax.axvline(median(known), color=INK, linewidth=0.8, linestyle=":")
