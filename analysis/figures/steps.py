"""Performance profiles as steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.card import Key, Picture
from analysis.figures.style import COLORS, DASHES, canvas, picture, plain_ticks
from analysis.profiles import R_MAX


def steps(title: str, ratios: Mapping[str, np.ndarray], keys: Sequence[Key]) -> Picture:
    """Draw for every optimizer the share of tasks whose ratio is at most tau, from 1 to 4.

    Args:
        ratios: optimizer -> ratio by task, [T].
    """
    with canvas(960, 290) as figure:
        ax = figure.subplots()
        for key in keys:
            if key.name in ratios:
                tau, share = _steps(ratios[key.name])
                ax.step(
                    tau, share, where="post", color=COLORS[key.color], linestyle=DASHES[key.dash]
                )
        ax.set_xlim(1, R_MAX)
        ax.set_ylim(-0.03, 1.03)
        plain_ticks(ax)
        ax.set_xlabel("gradient evaluations to the target, relative to the fastest")
        ax.set_ylabel("share of tasks")
        return picture(figure, title, wide=True)


def _steps(ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    tau = np.concatenate([[1.0], np.sort(ratios[ratios <= R_MAX]), [R_MAX]])
    return tau, (ratios[:, None] <= tau).mean(axis=0)
