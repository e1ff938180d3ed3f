"""Parallel coordinates of a search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex

from analysis.card import Picture
from analysis.figures.style import COLORS, PAPER, RULE, canvas, label, picture
from analysis.ranges import Range
from analysis.text import number

# Blue to orange: told apart by every kind of color vision, readable on light and on dark paper.
RAMP = LinearSegmentedColormap.from_list("rank", [COLORS[0], "#8f96a3", COLORS[4]])
FAILED = "#a3a8b0"


def parallel(
    title: str,
    knobs: Sequence[Range],
    configs: Sequence[int],
    units: np.ndarray,
    scores: np.ndarray,
) -> Picture | None:
    """Draw one line per configuration through its unit coordinates and its rank.

    Args:
        knobs: what the axes stand for, [d]; their ticks carry real values.
        configs: numbers of the configurations, [n].
        units: unit coordinates, [n, d].
        scores: scores, [n]; failed ones (+inf) are dashed and end at the cross below the ranks.
    """
    if not len(configs) or not knobs:
        return None
    order = np.argsort(scores, kind="stable")
    good = int(np.isfinite(scores).sum())
    with canvas(max(960, 84 * (len(knobs) + 1)), 290) as figure:
        ax = figure.subplots()
        tips = {}
        for rank in range(len(order) - 1, -1, -1):
            i = int(order[rank])
            gid = f"run-{configs[i]}"
            _line(ax, units[i], rank if rank < good else None, good, gid)
            tips[gid] = _tip(configs[i], float(scores[i]), rank, knobs, units[i])
        _axes(ax, knobs, good, failed=good < len(configs))
        return picture(figure, title, tips=tips, wide=True)


def _line(ax: Axes, unit: np.ndarray, rank: int | None, good: int, gid: str) -> None:
    share = 0.0 if rank is None else rank / max(good - 1, 1)
    height = -0.12 if rank is None else 1 - share
    y = [*unit.tolist(), height]
    if rank is None:
        ax.plot(range(len(y)), y, color=FAILED, lw=0.9, ls=(0, (2, 2)), alpha=0.8, gid=gid)
        ax.plot(len(y) - 1, height, "x", color=FAILED, ms=5, mew=1.2)
        return
    ax.plot(
        range(len(y)),
        y,
        color=to_hex(RAMP(share)),
        lw=2.2 - 1.3 * share,
        alpha=0.95 - 0.5 * share,
        gid=gid,
    )


def _axes(ax: Axes, knobs: Sequence[Range], good: int, *, failed: bool) -> None:
    ax.grid(visible=False)
    for x, knob in enumerate([*knobs, None]):
        ax.plot([x, x], [0, 1], color=RULE, linewidth=1.2, zorder=0.5)
        ticks = (1, "best", 0, "worst") if knob is None else (1, knob.at(1), 0, knob.at(0))
        for height, text in zip(ticks[::2], ticks[1::2], strict=True):
            ax.annotate(
                label(str(text), 12),
                (x, float(height)),
                textcoords="offset points",
                xytext=(-4, 0),
                ha="right",
                va="center",
                fontsize=10,
                bbox={"fc": PAPER, "ec": "none", "pad": 0.8, "alpha": 0.8},
            )
    if failed:
        ax.annotate(
            "failed",
            (len(knobs), -0.12),
            textcoords="offset points",
            xytext=(8, 0),
            va="center",
            fontsize=10,
        )
    names = [label(knob.name.removeprefix("opt."), 26) for knob in knobs]
    ax.set_xticks(range(len(knobs) + 1), [_broken(name) for name in [*names, "rank"]])
    ax.set_yticks([])
    ax.tick_params(length=0, pad=6)
    ax.xaxis.tick_top()
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlim(-0.5, len(knobs) + 0.5)
    ax.set_ylim(-0.2, 1.04)


def _broken(name: str) -> str:
    """Break a long name at its middle underscore, so that neighbors do not meet."""
    if len(name) <= 11 or "_" not in name:
        return name
    cuts = [i for i, c in enumerate(name) if c == "_"]
    cut = min(cuts, key=lambda i: abs(i - len(name) / 2))
    return f"{name[: cut + 1]}\n{name[cut + 1 :]}"


def _tip(config: int, score: float, rank: int, knobs: Sequence[Range], unit: np.ndarray) -> str:
    values = ", ".join(f"{k.name} {k.at(float(u))}" for k, u in zip(knobs, unit, strict=True))
    place = f"rank {rank + 1}, score {number(score, 4)}" if np.isfinite(score) else "failed"
    return f"configuration {config}: {place}\n{values}"
