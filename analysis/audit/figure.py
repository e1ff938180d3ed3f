"""The gain of one comparison in every form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from analysis.audit.findings import Finding
from analysis.audit.table import COLUMNS, FACTOR, is_share
from analysis.card import Picture
from analysis.figures.style import COLORS, INK, PAPER, canvas, label, picture, plain_ticks
from analysis.text import number
from flowadam.audit.claims import Claim

TONES = {"holds": COLORS[2], "shrinks": COLORS[0], "vanishes": COLORS[6], "reverses": COLORS[1]}


def forms_picture(claim: Claim, against: str, found: Mapping[str, Finding]) -> Picture | None:
    """Draw the gains with their intervals, a line per form; None when there is none."""
    drawn = [found[name] for name in COLUMNS if name in found and not math.isnan(found[name].mean)]
    if not drawn:
        return None
    axis = _axis(claim, against, drawn)
    with canvas(330, 78 + 24 * len(drawn)) as figure:
        ax = figure.subplots()
        if axis.log:
            ax.set_xscale("log")
        ax.axvline(axis.place(0), color=INK, linewidth=1)
        if against in claim.claimed:
            ax.axvline(axis.place(claim.claimed[against]), color=INK, linewidth=1, linestyle="--")
        for y, f in enumerate(drawn):
            color = TONES.get(f.verdict, COLORS[6])
            if not math.isnan(f.low):
                ax.plot([axis.place(f.low), axis.place(f.high)], [y, y], color=color, lw=5)
            ax.plot(axis.place(f.mean), y, "o", ms=7, color=PAPER, mec=color, mew=1.8)
        ax.set_yticks(range(len(drawn)), [f.variant for f in drawn])
        ax.set_ylim(len(drawn) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        ax.tick_params(length=0)
        ax.xaxis.set_major_locator(LogLocator(numticks=5) if axis.log else MaxNLocator(5))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{number(v)}{axis.unit}"))
        ax.set_xlabel(axis.title)
        return picture(figure, f"{claim.key}, {claim.optimizer} over {against}")


@dataclass(frozen=True)
class _Axis:
    """Where a gain is drawn: in its unit, or as the ratio other / optimizer on a log scale."""

    title: str
    unit: str = ""
    scale: float = 1.0
    log: bool = False

    def place(self, gain: float) -> float:
        return 1 / (1 - gain) if self.log else self.scale * gain


def _axis(claim: Claim, against: str, drawn: Sequence[Finding]) -> _Axis:
    title = f"gain over {label(against, 24)}"
    if claim.kind == "specific":
        return _Axis(f"difference of gains {title[5:]}", " points", 100)
    if not is_share(claim):
        return _Axis(title)
    if min(min(f.mean, f.low) for f in drawn) < FACTOR:
        return _Axis(f"{label(against, 12)} / {label(claim.optimizer, 12)}, log", log=True)
    return _Axis(title, " %", 100)


def dial_picture(claim: Claim, against: str, findings: Sequence[Finding]) -> Picture | None:
    """Draw the ratio of the metrics over the dial, a line per form; None when there is none."""
    with canvas(360, 240) as figure:
        ax, drawn = figure.subplots(), False
        ax.axhline(1, color=INK, linewidth=1)
        for name, color in zip(COLUMNS, COLORS, strict=False):
            by = {f.task: f for f in findings if f.variant == name and f.against == against}
            points = [by[task] for task in claim.tasks if task in by]
            if len(points) < len(claim.tasks) or any(math.isnan(f.low) for f in points):
                continue
            drawn = True
            ax.plot(claim.values, [1 - f.mean for f in points], "o-", color=color, label=name)
            below, above = [1 - f.high for f in points], [1 - f.low for f in points]
            ax.fill_between(claim.values, below, above, color=color, alpha=0.2, linewidth=0)
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(MaxNLocator(4))
        plain_ticks(ax)
        ax.set_xlabel(claim.dial)
        ax.set_ylabel(f"metric over that of {label(against, 12)}")
        title = f"{claim.key}, {claim.optimizer} over {against}"
        if drawn:
            ax.legend(frameon=False)
        return picture(figure, title) if drawn else None
