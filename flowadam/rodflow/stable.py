"""The stable flow: what an optimizer would follow if it did not oscillate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flowadam.rodflow.choices import require_count
from flowadam.rodflow.directions import draw_direction, unit
from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.method import Method
from flowadam.rodflow.schemes import SCHEMES, advance
from flowadam.rodflow.states import State
from flowadam.rodflow.status import Stopped

PER_SUBSTEP = 1.5
"""Largest stiffness that a substep of RK4, stable to 2.78, is given."""
POWER_ITERATIONS = 2
TILT = 0.1
"""How much of every direction joins the oscillation where power iteration starts."""


@dataclass(frozen=True)
class Drift:
    """F at a point: what one optimizer step adds to (w, m, nu). One gradient."""

    method: Method
    gradients: Gradients

    def __call__(self, state: State) -> State:
        method, g = self.method, self.gradients.at(state.w)
        nu = method.second_moment(state.nu, method.squares(g))
        m = method.momentum(state.m, g)
        return State(-method.rate(nu) * method.direction(m, g), m - state.m, nu - state.nu)

    def transformed(self) -> Drift:
        return replace(self, gradients=self.gradients.transformed())


@dataclass(frozen=True)
class Probed:
    """A state and the direction [d] in which its preconditioned curvature was largest so far."""

    state: State
    direction: Tensor

    @property
    def w(self) -> Tensor:
        return self.state.w

    def is_finite(self) -> bool:
        """Whether every entry of the state is a finite number."""
        return self.state.is_finite()


@dataclass(frozen=True)
class StableFlow:
    """Stable flow: d(w, m, nu)/dt = F(w, m, nu), the rod flow of length 0 without correction.

    RK4 with max(2, ceil(stiffness / 1.5)) substeps; the stiffness is p S without momentum and
    1 + 2 sqrt(p S k1) with, p S by two power iterations a step (three gradients).

    Args:
        most_substeps: where more were needed, the flow ends with the status "stiff".

    Source: Cohen et al. 2024 (arXiv 2410.24206).
    """

    most_substeps: int = 500

    label = "stable flow"

    def __post_init__(self) -> None:
        require_count("most_substeps", self.most_substeps)

    def start(self, first: State, second: State, third: State) -> Probed:
        """Return the state at t = 1 from those of the optimizer at t = 0, 1 and 2."""
        w = (first.w + 2 * second.w + third.w) / 4
        m = (first.m + 2 * second.m + third.m) / 4
        oscillation = unit(2 * second.w - first.w - third.w)
        return Probed(State(w, m, second.nu), oscillation + TILT * draw_direction(w))

    def advance(self, method: Method, gradients: Gradients, probed: Probed) -> Probed:
        """Return the state one optimizer step later.

        Raises:
            Stopped: the step would need more than `most_substeps`.
        """
        drift = Drift(method, gradients)
        steepness, direction = _steepest(method, gradients, probed)
        stiffness = 1 + 2 * math.sqrt(steepness * method.k1) if method.has_momentum else steepness
        if not stiffness <= PER_SUBSTEP * self.most_substeps:
            raise Stopped("stiff" if math.isfinite(stiffness) else "not finite")
        substeps = max(2, math.ceil(stiffness / PER_SUBSTEP))
        state = probed.state
        for _ in range(substeps):
            state = advance(drift, state, 1 / substeps, SCHEMES["rk4"])
        return Probed(state, direction)

    def middle(self, now: Probed, later: Probed) -> Tensor:
        """Return the center at t + 1/2, to be compared with (w_t + w_{t+1}) / 2."""
        return (now.w + later.w) / 2

    def extent(self, probed: Probed) -> float:
        """Return 0: this flow does not oscillate."""
        return 0.0

    def ends(self, probed: Probed) -> Tensor:
        """Return where the iterates are expected, as rows [1, d]."""
        return probed.w.unsqueeze(0)


def _steepest(method: Method, gradients: Gradients, probed: Probed) -> tuple[float, Tensor]:
    """Return the largest curvature |p^(1/2) H p^(1/2)| by power iteration, and its direction."""
    w, v = probed.w, unit(probed.direction)
    root = torch.as_tensor(method.rate(probed.state.nu), dtype=w.dtype).sqrt()
    product, size = gradients.hessian(w), 0.0
    for _ in range(POWER_ITERATIONS):
        image = root * product(root * v)
        size = float(image.norm())
        if size == 0 or not math.isfinite(size):
            break
        v = image / size
    return size, v
