"""A flow on its way beside the iterates."""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

from torch import Tensor

from flowadam.rodflow.flows import Flow
from flowadam.rodflow.gradients import Gradients, Loss
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import State
from flowadam.rodflow.status import Ball, Status, Stopped
from flowadam.rodflow.tracking import Trail


class Follower:
    """Moves one flow by optimizer steps and keeps what is asked of it.

    Args:
        loss: of the flat parameters, or a way to its gradients with a count of its own.
        start: states of the optimizer at t = 0, 1 and 2; fewer when it failed before.
    """

    def __init__(
        self, flow: Flow[Any], method: Method, loss: Loss | Gradients, start: tuple[State, ...]
    ) -> None:
        self.gradients = loss if isinstance(loss, Gradients) else Gradients(loss)
        self.flow, self.method = flow, method
        self.status: Status = "ok" if len(start) == 3 else "not finite"
        self.state: Any = flow.start(*start) if len(start) == 3 else None
        self._ball = Ball(start[0].w) if start else None
        self.errors: list[float] = []
        self.extents: list[float] = []
        self.losses: list[float] = []
        self.steps, self.seconds = 0, 0.0

    def step(self, target: Tensor | None) -> None:
        """Go from t to t + 1, and keep the distance to `target`, (w_t + w_{t+1}) / 2."""
        now, distance = self.state, math.nan
        if self.status == "ok":
            self._advance()
        if self.status == "ok" and target is not None:
            distance = float((self.flow.middle(now, self.state) - target).norm())
        if target is not None:
            self.errors.append(distance)
        self.extents.append(self.flow.extent(self.state) if self.status == "ok" else math.nan)

    def read_loss(self) -> None:
        """Keep the loss that the flow expects of the iterates around t: the mean over its ends."""
        if self.status != "ok":
            self.losses.append(math.nan)
            return
        values = [self.gradients.value(end) for end in self.flow.ends(self.state)]
        self.losses.append(math.fsum(values) / len(values))

    def _advance(self) -> None:
        began = perf_counter()
        try:
            self.state = self.flow.advance(self.method, self.gradients, self.state)
            self.steps += 1
        except Stopped as stop:
            self.status = stop.status
        else:
            self.status = self._judged()
        self.seconds += perf_counter() - began

    def _judged(self) -> Status:
        if not self.state.is_finite():
            return "not finite"
        return "ok" if self._ball is None or self._ball.holds(self.state.w) else "diverged"

    def trail(self, *, smooth: bool = True) -> Trail:
        """Return what was kept."""
        status: Status = "not smooth" if self.status == "ok" and not smooth else self.status
        return Trail(
            label=self.flow.label,
            errors=tuple(self.errors),
            extents=tuple(self.extents),
            losses=tuple(self.losses),
            status=status,
            steps=self.steps,
            gradients=self.gradients.count.gradients,
            seconds=self.seconds,
        )
