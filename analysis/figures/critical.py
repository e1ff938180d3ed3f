"""The critical-difference diagram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.card import Picture
from analysis.figures.style import COLORS, INK, canvas, label, picture
from analysis.intervals import ALPHA
from analysis.text import fixed


def critical(
    title: str, ranks: Mapping[str, float], p: pd.DataFrame, colors: Mapping[str, int]
) -> Picture:
    """Draw mean ranks, with a bar over those that no test of a pair tells apart.

    Args:
        ranks: optimizer -> mean rank.
        p: adjusted p-values of all pairs.
    """
    # The library takes a second to load and draws only where tasks are many.
    from scikit_posthocs import critical_difference_diagram

    # Shortened names may coincide, numbers cannot; the names are put in afterwards. The library
    # walks through sets, whose order is the same in every process for numbers, but not for text.
    keys: dict[str, Any] = {name: i for i, name in enumerate(ranks)}
    with canvas(960, 70 + 18 * len(ranks)) as figure:
        ax = figure.subplots()
        ax.grid(visible=False)
        drawn = critical_difference_diagram(
            pd.Series({keys[name]: rank for name, rank in ranks.items()}),
            p.rename(index=keys, columns=keys),
            ax=ax,
            alpha=ALPHA,
            color_palette={keys[name]: COLORS[colors[name]] for name in ranks},
            label_fmt_left="{label}",
            label_fmt_right="{label}",
            crossbar_props={"color": INK, "linewidth": 3, "solid_capstyle": "butt"},
            marker_props={"s": 22},
            elbow_props={"linewidth": 1.4},
            text_h_margin=0.03,
        )
        names = {f"{key}": name for name, key in keys.items()}
        for text in drawn["labels"]:
            name = names[text.get_text()]
            text.set_color(INK)
            text.set_text(f"{label(name)} ({fixed(ranks[name])})")
        return picture(figure, title, wide=True)
