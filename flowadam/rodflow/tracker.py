"""A discrete optimizer that takes flows along, for ordinary training loops."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from flowadam.rodflow.by_closure import (
    ClosureGradients,
    by_closure,
    flat,
    flat_gradient,
    unflat,
    write,
)
from flowadam.rodflow.companions import FLOWS, QUANTITIES, Companions
from flowadam.rodflow.edge import Edge
from flowadam.rodflow.method import method as method_of
from flowadam.rodflow.states import State
from flowadam.rodflow.status import Ball, Status
from flowadam.rodflow.step import start, step

NEAR = 0.93
"""S / S* at which the flows start."""
PAUSE = 8
"""Steps between two readings of S before."""

READINGS = (
    *("edge", "onset", "approach_steps", "oscillation"),
    *(f"{flow}_{quantity}" for flow in FLOWS for quantity in QUANTITIES),
)


class Tracker(torch.optim.Optimizer):
    """One of the nine optimizers, and three flows beside it through the edge of stability.

    The first call of ``step`` goes as many steps as it takes until the preconditioned sharpness S
    is near its threshold S*. There it moves the parameters a little along the top eigenvector, so
    that the onset does not hang on round-off. Two steps later the flows start from these three
    states. After every call the parameters are those of the method.

    Args:
        params: tensors in float64; the closure must be a function of them alone.
        method: a name in ``OPTIMIZERS``.
        lr, beta1, beta2, eps: see ``Method``.
        approach: the most steps of the first call; the flows start then, wherever it is.
        every: steps between two readings of S.
        kick: length of the move along the top eigenvector over |w|.

    Attributes:
        status: of the method, "ok" while it can go on.

    Raises:
        ValueError: an unknown method, or a constant out of its range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        method: str,
        lr: float,
        beta1: float = 0.9,
        beta2: float = 0.99,
        eps: float = 1e-8,
        approach: int = 1000,
        every: int = 4,
        kick: float = 3e-4,
    ) -> None:
        super().__init__(params, {"lr": lr})
        self.method = method_of(method, lr, beta1=beta1, beta2=beta2, eps=eps)
        self._params: list[Tensor] = [p for group in self.param_groups for p in group["params"]]
        self._approach, self._every, self._kick = approach, every, kick
        self._closure: Callable[[], Any] = lambda: math.nan
        self._loss = torch.tensor(math.nan)
        self._own, self._edge = self._gradients(), Edge(self.method, self._gradients())
        self._states: deque[State] = deque(maxlen=3)
        self._ball: Ball | None = None
        self._companions: Companions | None = None
        self._onset: int | None = None
        self._approached = self._tracked = 0
        self.status: Status = "ok"

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step once and take the flows along; return the loss before the step.

        Raises:
            ValueError: there is no closure.
        """
        if closure is None:
            raise ValueError("`closure` must evaluate loss and gradient, got None.")
        self._closure = closure
        if not self._states:
            self._come_near()
        loss = self._advance()
        self._tracked += 1
        if self.status == "ok":
            self._follow()
        write(self._params, self._states[-1].w)
        return loss if self.status == "ok" else torch.full_like(loss, math.nan)

    def readings(self) -> dict[str, float]:
        """Return what is measured now by its name in ``READINGS``, nan where there is nothing."""
        found = dict.fromkeys(READINGS, math.nan) | {
            "edge": self._edge.ratio,
            "onset": math.nan if self._onset is None else float(self._onset),
            "approach_steps": float(self._approached),
            "oscillation": self._amplitude(),
        }
        return found | (self._companions.readings(self._onset) if self._companions else {})

    def flow_status(self, name: str) -> str:
        """Return how a flow in ``FLOWS`` goes: "ok" while it does, or before it started."""
        return self._companions.status(name) if self._companions else "ok"

    def _gradients(self) -> ClosureGradients:
        return by_closure(self._read, self._read_rows)

    def _read(self, w: Tensor) -> tuple[Tensor, Tensor]:
        write(self._params, w)
        with torch.enable_grad():
            self._loss = torch.as_tensor(self._closure()).detach()
        return self._loss, flat_gradient(self._params)

    def _read_rows(self, points: Tensor) -> Tensor:
        """Return the gradients [k, d] at rows [k, d], at once where the closure can."""
        at_points = getattr(self._closure, "at_points", None)
        if at_points is None:
            return torch.stack([self._read(point)[1] for point in points])
        _, gradients = at_points(unflat(points, self._params))
        return torch.cat([gradient.reshape(len(points), -1) for gradient in gradients], dim=1)

    def _come_near(self) -> None:
        """Step until S is near S*, then kick."""
        self._states.append(start(self.method, self._own, flat(self._params)))
        self._ball = Ball(self._states[0].w)
        ratio = 0.0
        while self.status == "ok" and self._approached < self._approach and not ratio >= NEAR:
            self._advance()
            self._approached += 1
            if self.status == "ok" and self._approached % PAUSE == 0:
                ratio = self._edge.read(self._middle())
        state = self._states[-1]
        kick = self._kick * state.w.norm() * self._edge.direction(state)
        self._states.clear()
        self._states.append(State(state.w + kick, state.m, state.nu))

    def _advance(self) -> Tensor:
        """Make a step of the method; return the loss before it."""
        self._states.append(step(self.method, self._own, self._states[-1]))
        state, loss = self._states[-1], self._loss
        if not (state.is_finite() and bool(torch.isfinite(loss))):
            self.status = "not finite"
        elif self._ball is not None and not self._ball.holds(state.w):
            self.status = "diverged"
        return loss

    def _follow(self) -> None:
        """Take the flows a step along, and read S."""
        if self._tracked == 2:
            arguments = self.method, self._gradients, tuple(self._states), self._every
            self._companions = Companions(*arguments)
        if not self._companions:
            return
        middle = self._middle()
        self._companions.step(middle.w)
        if self._tracked % self._every == 0 and self._edge.read(middle) >= 1:
            self._onset = self._onset or self._tracked - 1

    def _middle(self) -> State:
        """Return the mean of the last two states."""
        return self._states[-1].moved([0.5, -0.5], [self._states[-2], self._states[-1]])

    def _amplitude(self) -> float:
        """Return |2 w_t - w_{t-1} - w_{t+1}| / 4, half the distance of the oscillation's ends."""
        if len(self._states) < 3:
            return math.nan
        before, at, after = (state.w for state in self._states)
        return float((2 * at - before - after).norm()) / 4
