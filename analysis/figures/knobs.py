"""Sobol' indices of the knobs."""

from __future__ import annotations

from analysis.card import Picture
from analysis.figures.style import COLORS, INK, canvas, label, name_rows, picture
from analysis.importance import Importance
from analysis.text import fixed, percent

SHADED = "#b9bdc4"


def knobs(title: str, found: Importance, color: int) -> Picture | None:
    """Draw total and first-order index of each knob, grey when the surrogate is not trusted."""
    if found.surrogate is None:
        return None
    with canvas(350, 66 + 25 * len(found.knobs)) as figure:
        ax = figure.subplots()
        tint = COLORS[color] if found.trusted else SHADED
        for y, knob in enumerate(found.knobs):
            total, first = max(knob.total, 0.0), max(knob.first, 0.0)
            ax.barh(y, total, height=0.62, color=tint, alpha=0.35, linewidth=0)
            ax.barh(y, min(first, total), height=0.62, color=tint, linewidth=0)
            ax.plot([knob.low, knob.high], [y, y], color=INK, lw=1.2, alpha=0.8)
        names = [label(knob.name.removeprefix("opt."), 24) for knob in found.knobs]
        name_rows(ax, names)
        ax.set_xlim(0, max(1.0, *(knob.high for knob in found.knobs)))
        ax.set_xlabel("share of the variance of the rank")
        quality = f"R² {fixed(found.surrogate.r2)}, N = {found.n}"
        explained = max(found.surrogate.r2, 0.0)
        warning = (
            f"surrogate explains {percent(explained, signed=False)}: indices not interpretable"
        )
        return picture(figure, f"{title} ({quality})", muted="" if found.trusted else warning)
