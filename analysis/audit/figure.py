"""The gain of one comparison in every form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.audit.findings import Finding
from analysis.audit.table import COLUMNS, is_share
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
    scale = 100 if is_share(claim) else 1
    with canvas(330, 78 + 24 * len(drawn)) as figure:
        ax = figure.subplots()
        ax.axvline(0, color=INK, linewidth=1)
        if against in claim.claimed:
            ax.axvline(scale * claim.claimed[against], color=INK, linewidth=1, linestyle="--")
        for y, f in enumerate(drawn):
            color = TONES.get(f.verdict, COLORS[6])
            if not math.isnan(f.low):
                ax.plot([scale * f.low, scale * f.high], [y, y], color=color, lw=5)
            ax.plot(scale * f.mean, y, "o", ms=7, color=PAPER, mec=color, mew=1.8)
        ax.set_yticks(range(len(drawn)), [f.variant for f in drawn])
        ax.set_ylim(len(drawn) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        ax.tick_params(length=0)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        unit = " %" if scale == 100 else ""
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{number(v)}{unit}"))
        ax.set_xlabel(f"gain over {label(against, 24)}")
        return picture(figure, f"{claim.key}, {claim.optimizer} over {against}")


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
        plain_ticks(ax)
        ax.set_xlabel(claim.dial)
        ax.set_ylabel(f"metric over that of {label(against, 12)}")
        title = f"{claim.key}, {claim.optimizer} over {against}"
        if drawn:
            ax.legend(frameon=False)
        return picture(figure, title) if drawn else None
