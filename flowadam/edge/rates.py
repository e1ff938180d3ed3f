"""The usual rate of a method on a problem: the edge of stability comes early, and gently."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from flowadam.rodflow.by_closure import ClosureGradients
from flowadam.rodflow.edge import Edge
from flowadam.rodflow.method import Method
from flowadam.rodflow.step import start, step
from flowadam.rodflow.threshold import eos_threshold
from flowadam.rodflow.tracker import NEAR

if TYPE_CHECKING:
    from torch import Tensor

FINEST = 20
"""The smallest rate is 2^-10 of the first."""
EVERY = 4


def usual_rate(method: Method, gradients: ClosureGradients, w: Tensor, by: int) -> float:
    """Return the smallest rate on a grid of factors 2^(1/2) at which S reaches S* within `by` steps.

    The first rate of the grid has S = 0.93 S* at the start. A smaller rate comes to the edge later
    and more slowly; where the first does not come there at all (a quadratic whose curvature never
    changes), it is returned. Three digits are kept.

    Args:
        method: its own rate does not matter.
        w: parameters at the start, [d].
        by: about a sixth of the steps that are to be tracked.
    """
    first = _first_rate(method, gradients, w)
    low, high = 0, FINEST
    while low < high:
        middle = (low + high + 1) // 2
        late = _onset(replace(method, lr=first * 2 ** (-middle / 2)), gradients, w, by) is None
        low, high = (low, middle - 1) if late else (middle, high)
    return float(f"{first * 2 ** (-low / 2):.3g}")


def _first_rate(method: Method, gradients: ClosureGradients, w: Tensor) -> float:
    unit = replace(method, lr=1.0)
    ratio = Edge(unit, gradients).read(start(unit, gradients, w))
    return NEAR / ratio if ratio > 0 else 1 / eos_threshold(unit)


def _onset(method: Method, gradients: ClosureGradients, w: Tensor, by: int) -> int | None:
    """Return the first step up to `by` at which S >= S* is read, or None."""
    edge, state = Edge(method, gradients), start(method, gradients, w)
    for t in range(1, by + 1):
        before, state = state, step(method, gradients, state)
        if not state.is_finite():
            return None
        if t % EVERY == 0:
            ratio = edge.read(state.moved([0.5, -0.5], [before, state]))
            if math.isfinite(ratio) and ratio >= 1:
                return t
    return None
