"""The usual rate of a method on a problem: the edge of stability comes early, and gently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flowadam.rodflow.by_closure import Source
from flowadam.rodflow.course import NEAR, PAUSE, Course
from flowadam.rodflow.edge import Edge
from flowadam.rodflow.method import Method
from flowadam.rodflow.step import start
from flowadam.rodflow.threshold import eos_threshold

if TYPE_CHECKING:
    from torch import Tensor

FINEST = 20
"""The smallest rate is 2^-10 of the first."""
WITHIN = 600
"""Steps within which S comes to S*."""
RISE = 40
"""Steps that it may take from 0.93 S*, without momentum: there an oscillation grows slowly. With
momentum it grows in bursts, by up to 1.4 a step, and the slower S rises the better."""


def usual_rate(method: Method, source: Source, starts: Sequence[Tensor]) -> float:
    """Return the smallest rate at which S comes calmly to S* in time from every start.

    On a grid of factors 2^(1/2), the first of which has S = 0.93 S* at the first start. At smaller
    rates the edge comes later or never. A start that no rate brings there is passed over; where
    there is no other (a quadratic whose curvature never changes), the first rate is returned. Three
    digits are kept.

    Args:
        method: its own rate does not matter.
        starts: parameters [d].
    """
    first, finest = _first_rate(method, source, starts[0]), FINEST
    for w in starts:
        finest = _finest(lambda k, w=w: _rises(_at(method, first, k), source, w), finest)
    return _at(method, first, 0 if finest == FINEST else finest).lr


def _finest(rises: Callable[[int], bool], most: int) -> int:
    """Return the largest place on the grid up to `most` where S rises; `most` if there is none."""
    low, high, middle = -1, most, most if most < FINEST else most // 2
    while low < high:
        low, high = (middle, high) if rises(middle) else (low, middle - 1)
        middle = (low + high + 1) // 2
    return most if low < 0 else low


def _at(method: Method, first: float, place: int) -> Method:
    return replace(method, lr=float(f"{first * 2 ** (-place / 2):.3g}"))


def _first_rate(method: Method, source: Source, w: Tensor) -> float:
    unit, gradients = replace(method, lr=1.0), source.gradients()
    ratio = Edge(unit, gradients).read(start(unit, gradients, w))
    return NEAR / ratio if ratio > 0 else 1 / eos_threshold(unit)


def _rises(method: Method, source: Source, w: Tensor) -> bool:
    """Say whether S comes calmly to S* in time, and without momentum fast enough."""
    rise = WITHIN if method.has_momentum else RISE
    course, edge = Course(method, source), Edge(method, source.gradients())
    course.begin(start(method, source.gradients(), w))
    near: int | None = None
    for t in range(1, WITHIN + 1):
        course.advance()
        if course.status != "ok":
            return False
        if t % PAUSE == 0:
            ratio, calm = edge.read(course.middle()), course.is_calm()
            near = t if near is None and ratio >= NEAR and calm else near
            if near is not None and (ratio >= 1 or t - near > rise):
                return ratio >= 1
    return False
