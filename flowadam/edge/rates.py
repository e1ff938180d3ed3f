"""The usual rate of a method on a problem: the edge of stability comes early, and gently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flowadam.rodflow.by_closure import ClosureGradients
from flowadam.rodflow.course import NEAR
from flowadam.rodflow.edge import Edge
from flowadam.rodflow.method import Method
from flowadam.rodflow.step import start, step
from flowadam.rodflow.threshold import eos_threshold

if TYPE_CHECKING:
    from torch import Tensor

FINEST = 20
"""The smallest rate is 2^-10 of the first."""
EVERY = 8
WITHIN = 600
"""Steps within which S comes to S*."""
RISE = 40
"""Steps that it may take from 0.93 S*, without momentum: there an oscillation grows slowly. With
momentum it grows in bursts, by up to 1.4 a step, and the slower S rises the better."""


def usual_rate(method: Method, gradients: ClosureGradients, starts: Sequence[Tensor]) -> float:
    """Return the smallest rate at which S comes to S* in time from every start.

    On a grid of factors 2^(1/2), the first of which has S = 0.93 S* at the first start. At smaller
    rates the edge comes later or never. Where no rate brings every start there (a quadratic whose
    curvature never changes), the first is returned. Three digits are kept.

    Args:
        method: its own rate does not matter.
        starts: parameters [d].
    """
    first, finest = _first_rate(method, gradients, starts[0]), FINEST
    for w in starts:
        low, high = 0, finest
        middle = finest if finest < FINEST else (low + high + 1) // 2
        while low < high:
            brisk = _rises(replace(method, lr=first * 2 ** (-middle / 2)), gradients, w)
            low, high = (middle, high) if brisk else (low, middle - 1)
            middle = (low + high + 1) // 2
        finest = low
    return float(f"{first * 2 ** (-finest / 2):.3g}")


def _first_rate(method: Method, gradients: ClosureGradients, w: Tensor) -> float:
    unit = replace(method, lr=1.0)
    ratio = Edge(unit, gradients).read(start(unit, gradients, w))
    return NEAR / ratio if ratio > 0 else 1 / eos_threshold(unit)


def _rises(method: Method, gradients: ClosureGradients, w: Tensor) -> bool:
    """Say whether S comes to S* in time, and without momentum fast enough."""
    rise = WITHIN if method.has_momentum else RISE
    edge, state = Edge(method, gradients), start(method, gradients, w)
    near: int | None = None
    for t in range(1, WITHIN + 1):
        before, state = state, step(method, gradients, state)
        if not state.is_finite():
            return False
        if t % EVERY == 0:
            ratio = edge.read(state.moved([0.5, -0.5], [before, state]))
            near = t if near is None and ratio >= NEAR else near
            if ratio >= 1 or (near is not None and t - near > rise):
                return ratio >= 1
    return False
