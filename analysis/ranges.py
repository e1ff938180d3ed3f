"""The ranges of a search, recovered from its (unit, value) pairs in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.baselines import parameters
from analysis.frames import Frames
from flowadam.plan import Cell

Map = Callable[[np.ndarray], np.ndarray]
Scale = Literal["linear", "log", "log of 1 - x"]
MAPS: dict[Scale, tuple[Map, Map]] = {
    "linear": (np.asarray, np.asarray),
    "log": (np.log, np.exp),
    "log of 1 - x": (lambda x: np.log1p(-x), lambda y: -np.expm1(y)),
}
TOLERANCE = 1e-6
MOST_LEVELS = 64


@dataclass(frozen=True)
class Range:
    """How one parameter was searched.

    Args:
        low, high: its values at the ends of the unit interval; None for a choice, and where too
            few points tell.
        scale: the scale that is uniform between them.
        options: for a choice, its values by position; "?" for one that was never drawn.
        levels: number of values of a choice or a whole number, 0 for a real parameter.
    """

    name: str
    low: float | None = None
    high: float | None = None
    scale: Scale | None = None
    options: tuple[str, ...] = ()
    levels: int = 0

    def text(self) -> str:
        """Say the range in words."""
        if self.options:
            return "one of " + ", ".join(self.options)
        if self.low is None or self.high is None:
            return "too few points to tell"
        kind = "whole numbers" if self.levels else self.scale
        return f"{self.low:.4g} to {self.high:.4g}, {kind}"

    def at(self, u: float) -> str:
        """Return the value at unit coordinate `u` as text, empty where it is not known."""
        if self.options:
            return self.options[min(int(u * self.levels), self.levels - 1)]
        if self.low is None or self.high is None or self.scale is None:
            return ""
        forward, back = MAPS[self.scale]
        a, b = forward(np.array([self.low, self.high]))
        digits = 4 if self.scale == "log of 1 - x" else 3  # .9999 must not read as 1
        return f"{float(back(a + u * (b - a))):.{digits}g}"


def ranges(frames: Frames, cell: Cell) -> list[Range]:
    """Return how each parameter of a cell was searched.

    ``value = back(a + b u)`` is a line in one of three scales; the scale whose line meets every
    pair to rounding is the one that was used, and its ends are the range.
    """
    rows = frames.rows("search", cell)
    rows = rows.loc[rows["config"] > 0].drop_duplicates("config")
    return [
        find_range(name, rows[f"u.{name}"], rows[f"p.{name}"]) for name in parameters(frames, cell)
    ]


def find_range(name: str, units: pd.Series, values: pd.Series) -> Range:
    """Return the range behind unit coordinates and their values."""
    u = units.to_numpy(dtype=float)
    if not pd.api.types.is_numeric_dtype(values):
        return _choice(name, u, [str(value) for value in values])
    x = values.to_numpy(dtype=float)
    for scale, (forward, back) in MAPS.items():
        ends = _ends(u, x, forward)
        if ends is None:
            continue
        low, high = (float(end) for end in back(np.array(ends)))
        if scale == "linear" and (x == np.round(x)).all():
            low, high = round(low + 0.5), round(high - 0.5)
            return Range(name, low, high, scale, levels=high - low + 1)
        return Range(name, low, high, scale)
    return Range(name)


def _ends(u: np.ndarray, x: np.ndarray, forward: Map) -> tuple[float, float] | None:
    """Return the line through the pairs at u = 0 and 1, None if they do not lie on one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        y = forward(x)
    if len(np.unique(u)) < 3 or not np.isfinite(y).all():
        return None
    first, last = int(np.argmin(u)), int(np.argmax(u))
    slope = (y[last] - y[first]) / (u[last] - u[first])
    start = y[first] - slope * u[first]
    close = np.allclose(y, start + slope * u, rtol=0, atol=TOLERANCE * abs(slope))
    return (float(start), float(start + slope)) if close else None


def _choice(name: str, u: np.ndarray, values: list[str]) -> Range:
    """A choice of k options has its units at (i + 1/2) / k."""
    for k in range(2, MOST_LEVELS):
        positions = u * k - 0.5
        if np.allclose(positions, np.round(positions), atol=TOLERANCE):
            seen = dict(zip(np.round(positions).astype(int).tolist(), values, strict=True))
            return Range(name, options=tuple(seen.get(i, "?") for i in range(k)), levels=k)
    return Range(name)
