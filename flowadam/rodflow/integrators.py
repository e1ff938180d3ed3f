"""Ways to move a state by dY/dt = F - (1/2) F'F for a part h of an optimizer step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeVar

from flowadam.rodflow.choices import require
from flowadam.rodflow.corrections import CORRECTIONS, Field
from flowadam.rodflow.schemes import SCHEMES, advance, stepped
from flowadam.rodflow.states import Tensors

S = TypeVar("S", bound=Tensors)


class Integrator(Protocol):
    """One substep.

    Attributes:
        evaluations: of the field, for one substep.
    """

    @property
    def evaluations(self) -> int: ...

    def __call__(self, field: Field[S], state: S, h: float, /) -> S: ...


@dataclass(frozen=True)
class Corrected:
    """A Runge-Kutta scheme on the corrected slope.

    Args:
        scheme: a name in ``SCHEMES``.
        correction: a name in ``CORRECTIONS``.

    Raises:
        ValueError: a name is unknown.
    """

    scheme: str = "heun"
    correction: str = "half_step"

    def __post_init__(self) -> None:
        require("scheme", self.scheme, SCHEMES)
        require("correction", self.correction, CORRECTIONS)

    @property
    def evaluations(self) -> int:
        each = 1 if self.correction == "none" else 2
        return each * len(SCHEMES[self.scheme].weights)

    def __call__(self, field: Field[S], state: S, h: float) -> S:
        correct = CORRECTIONS[self.correction]
        scheme = SCHEMES[self.scheme]
        return advance(lambda at: correct(field, at, field(at)), state, h, scheme)


@dataclass(frozen=True)
class Fitted:
    """Three evaluations of F for correction and substep together, exact where F is -2 Y.

    The flow moves Y by h F + (h^2 - h)/2 F'F + (h^3/6 - h^2/4) F''(F, F) + c F'F'F + ..., with
    c = h^3/6 - h^2/2. Stages at Y - F/2 and about Y + F/2 meet the first three terms; the fourth,
    c = (1 - 4h + 2h^2 - exp(-4h)) / 8, is fitted so that Y' = exp(-4h) Y for F = -2 Y: the rate at
    which flat directions of the rod, and the center at the edge of stability, are damped. So the
    substep can be a half, or whole. As h -> 0 the scheme tends to the flow.

    Source: exponential fitting after Liniger and Willoughby 1970; the expansion is the order
    conditions of Runge-Kutta schemes for F - (1/2) F'F.
    """

    evaluations = 3

    def __call__(self, field: Field[S], state: S, h: float) -> S:
        total, gap = 4 * h**3 / 3 - 2 * h**2, h**2 - h  # b2 + b3, b3 - b2
        before, after = (total - gap) / 2, (total + gap) / 2
        fit = (1 - 4 * h + 2 * h**2 - math.exp(-4 * h)) / 8
        turn = -2 * fit / after
        stages = [[-0.5], [0.5 - turn, turn]]
        return stepped(field, state, stages, [h - total, before, after])
