"""The alternating rod: the lift of an optimizer's map, and the flow through it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from flowadam.rodflow.choices import require_count
from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.integrators import Fitted, Integrator
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import Rod, State


@dataclass(frozen=True)
class Lift:
    """Phi: what one optimizer step adds to (c, x), z_t = c_t + (-1)^t x_t. Two gradients.

    With g_b the mean and g_x half the difference of the gradients at the ends c + x and c - x, the
    center moves by the method's map of g_b, and x to minus the map of g_x; nu follows the mean of
    s at the ends. Exact for gd, hb and nag: z_t is reproduced to round-off.
    """

    method: Method
    gradients: Gradients

    def __call__(self, rod: Rod) -> Rod:
        method = self.method
        one, other = self.gradients.pair(rod.w + rod.x_w, rod.w - rod.x_w)
        mean, half = (one + other) / 2, (one - other) / 2
        # The mean of a^2 and b^2 is ((a + b) / 2)^2 + ((a - b) / 2)^2.
        nu = method.second_moment(rod.nu, method.squares(mean) + method.squares(half))
        rate = method.rate(nu)
        m, x_m = method.momentum(rod.m, mean), method.momentum(rod.x_m, half)
        return Rod(
            w=-rate * method.direction(m, mean),
            m=m - rod.m,
            nu=nu - rod.nu,
            x_w=rate * method.direction(x_m, half) - 2 * rod.x_w,
            x_m=-x_m - rod.x_m,
        )

    def transformed(self) -> Lift:
        return replace(self, gradients=self.gradients.transformed())


@dataclass(frozen=True)
class AlternatingRod:
    """Rod flow (alternating): dY/dt = Phi - (1/2) Phi' Phi, Y = (c, nu, x).

    Args:
        integrator: moves Y by a substep.
        substeps: per optimizer step; a step takes 2 x evaluations x substeps gradients.
        floor: smallest |x_w| after a step, the level at which round-off or noise keeps the
            oscillation alive in the discrete run; in float32 about 1e-7 |w|. 0 sets none.

    Raises:
        ValueError: substeps below 1 or a negative floor.
    """

    integrator: Integrator = field(default_factory=Fitted)
    substeps: int = 2
    floor: float = 0.0

    label = "rod flow (alternating)"

    def __post_init__(self) -> None:
        require_count("substeps", self.substeps)
        if not 0 <= self.floor < math.inf:
            raise ValueError(f"`floor` must be a finite number from 0 on, got {self.floor!r}.")

    def start(self, first: State, second: State, third: State) -> Rod:
        """Return the state at t = 1 from those of the optimizer at t = 0, 1 and 2."""
        m = (first.m + 2 * second.m + third.m) / 4
        x_m = (2 * second.m - first.m - third.m) / 4
        w = (first.w + 2 * second.w + third.w) / 4
        return Rod(w, m, second.nu, (2 * second.w - first.w - third.w) / 4, x_m)

    def advance(self, method: Method, gradients: Gradients, rod: Rod) -> Rod:
        """Return the state one optimizer step later."""
        lift = Lift(method, gradients)
        for _ in range(self.substeps):
            rod = self.integrator(lift, rod, 1 / self.substeps)
        return floored(rod, self.floor)

    def middle(self, now: Rod, later: Rod) -> Tensor:
        """Return the center at t + 1/2, to be compared with (w_t + w_{t+1}) / 2."""
        return (now.w + later.w) / 2

    def extent(self, rod: Rod) -> float:
        """Return |x_w|, to be compared with |2 w_t - w_{t-1} - w_{t+1}| / 4."""
        return float(rod.x_w.norm())

    def ends(self, rod: Rod) -> Tensor:
        """Return where the iterates are expected, as rows [2, d]."""
        return torch.stack((rod.w + rod.x_w, rod.w - rod.x_w))


def floored(rod: Rod, floor: float) -> Rod:
    """Return the rod lengthened to |x_w| = floor where it is shorter; one of length 0 stays."""
    length = float(rod.x_w.norm()) if floor else 0.0
    if not 0 < length < floor:
        return rod
    return replace(rod, x_w=rod.x_w * (floor / length), x_m=rod.x_m * (floor / length))
