"""The order-2 correction of backward error analysis: the flow that passes through a map's points.

The map Y -> Y + F(Y) is followed by dY/dt = F - (1/2) F'F up to terms of third order in F. Every
way below takes a field, a state and F there, and returns the corrected slope.
"""

from __future__ import annotations

import warnings
from typing import Protocol, Self, TypeVar

import torch

from flowadam.rodflow.states import Tensors

S = TypeVar("S", bound=Tensors)

DIFFERENCE = 1e-3
"""Length of the one-sided difference, in optimizer steps; needs float64."""


class Field(Protocol[S]):
    """What a map adds to a state, F(Y)."""

    def __call__(self, state: S, /) -> S: ...

    def transformed(self) -> Self:
        """Return the same field, fit for ``torch.func.jvp``."""
        ...


class Correction(Protocol):
    """A way to the corrected slope."""

    def __call__(self, field: Field[S], state: S, slope: S, /) -> S: ...


def none(field: Field[S], state: S, slope: S) -> S:
    """Return F, uncorrected."""
    return slope


def jvp(field: Field[S], state: S, slope: S) -> S:
    """Return F - (1/2) F'F with the exact Jacobian-vector product."""
    smooth = field.transformed()

    def of_tensors(*parts: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(smooth(type(state)(*parts)).parts())

    with warnings.catch_warnings():
        # torch's own rules for some operations are scripts, which it deprecates.
        warnings.filterwarnings("ignore", ".*torch.jit.script", DeprecationWarning)
        bend = torch.func.jvp(of_tensors, tuple(state.parts()), tuple(slope.parts()))[1]
    return slope.plus([-0.5], [type(state)(*bend)])


def difference(field: Field[S], state: S, slope: S) -> S:
    """Return F - (F(Y + h F) - F) / (2 h), h = 1e-3."""
    ahead = field(state.moved([DIFFERENCE], [slope]))
    half = 0.5 / DIFFERENCE
    return slope.plus([half, -half], [slope, ahead])


def half_step(field: Field[S], state: S, slope: S) -> S:
    """Return F(Y - F/2), which differs from F - (1/2) F'F by third order."""
    return field(state.moved([-0.5], [slope]))


def logarithm(field: Field[S], state: S, slope: S) -> S:
    """Return (Y1 - Y0) - (Y2 - 2 Y1 + Y0) / 2, Y1 and Y2 iterates of the map."""
    second = field(state.moved([1.0], [slope]))
    return slope.plus([0.5, -0.5], [slope, second])


CORRECTIONS: dict[str, Correction] = {
    "none": none,
    "jvp": jvp,
    "difference": difference,
    "half_step": half_step,
    "logarithm": logarithm,
}
