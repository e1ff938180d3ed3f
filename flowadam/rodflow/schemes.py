"""Explicit Runge-Kutta schemes for the flows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flowadam.rodflow.states import Tensors

S = TypeVar("S", bound=Tensors)
Slope = Callable[[S], S]


@dataclass(frozen=True)
class Scheme:
    """K_i = f(Y + h sum_j a_ij K_j), Y' = Y + h sum_i b_i K_i, a strictly lower triangular.

    Args:
        stages: the rows a_i, from the second on.
        weights: b.
    """

    name: str
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]


SCHEMES = {
    one.name: one
    for one in (
        Scheme("euler", (), (1.0,)),
        Scheme("midpoint", ((1 / 2,),), (0.0, 1.0)),
        Scheme("heun", ((1.0,),), (1 / 2, 1 / 2)),
        Scheme("rk4", ((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
    )
}


def advance(slope: Slope[S], state: S, h: float, scheme: Scheme) -> S:
    """Return Y(t + h) by one step of `scheme`."""
    return stepped(
        slope,
        state,
        [[h * a for a in row] for row in scheme.stages],
        [h * b for b in scheme.weights],
    )


def stepped(
    slope: Slope[S], state: S, stages: Sequence[Sequence[float]], weights: Sequence[float]
) -> S:
    """Return Y + sum_i b_i K_i, with the step already in `stages` (a) and `weights` (b)."""
    slopes = [slope(state)]
    for row in stages:
        slopes.append(slope(state.moved(row, slopes)))
    return state.moved(weights, slopes)
