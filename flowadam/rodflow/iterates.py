"""The discrete method on its way, and what is measured of it."""

from __future__ import annotations

import math
from collections import deque
from time import perf_counter

from torch import Tensor

from flowadam.rodflow.gradients import Gradients, Loss
from flowadam.rodflow.kinks import kinks
from flowadam.rodflow.method import Method
from flowadam.rodflow.sharpness import preconditioned_sharpness
from flowadam.rodflow.states import State
from flowadam.rodflow.status import Ball, Status
from flowadam.rodflow.step import start, step
from flowadam.rodflow.threshold import eos_threshold
from flowadam.rodflow.tracking import Run


class Iterates:
    """Steps of a method; three states are held.

    Args:
        first: w_0 [d], or a whole state.
        every: steps between two readings of the sharpness.

    Attributes:
        t: how many steps were made.
        states: at t - 2, t - 1 and t.
        status: "ok" while it can go on.
    """

    def __init__(self, loss: Loss, first: Tensor | State, method: Method, every: int) -> None:
        self.method, self._every = method, every
        self._steps, self._probe = Gradients(loss), Gradients(loss)
        began = perf_counter()
        state = start(method, self._steps, first.detach()) if isinstance(first, Tensor) else first
        self._seconds = perf_counter() - began
        self.t, self.states = 0, deque([state], maxlen=3)
        self._ball, self._kinks = Ball(state.w), kinks(loss, state.w)
        self._losses: list[float] = []
        self._amplitudes: list[float] = []
        self._marks: list[int] = []
        self._sharpness: list[float] = []
        self._near: Tensor | None = None
        self.status: Status = self._judged()

    @property
    def smooth(self) -> bool:
        """Whether the loss is made of operations without kinks."""
        return not self._kinks

    def step(self) -> None:
        """Go from t to t + 1 and measure."""
        began = perf_counter()
        self.states.append(step(self.method, self._steps, self.states[-1]))
        self._seconds += perf_counter() - began
        self.status = self._judged()
        if self.status != "ok":
            return
        self.t += 1
        if len(self.states) == 3:
            before, at, after = (state.w for state in self.states)
            self._amplitudes.append(float((2 * at - before - after).norm()) / 4)
        if (self.t - 1) % self._every == 0:
            self._read_sharpness()

    def middle(self) -> Tensor:
        """Return (w_{t-1} + w_t) / 2."""
        return (self.states[-2].w + self.states[-1].w) / 2

    def run(self) -> Run:
        """Return what was measured."""
        ended_well = "ok" if self.smooth else "not smooth"
        return Run(
            losses=tuple(self._losses),
            amplitudes=tuple(self._amplitudes),
            marks=tuple(self._marks),
            sharpness=tuple(self._sharpness),
            threshold=eos_threshold(self.method),
            status=ended_well if self.status == "ok" else self.status,
            kinks=self._kinks,
            gradients=self._steps.count.gradients,
            probe_gradients=self._probe.count.gradients,
            seconds=self._seconds,
        )

    def _judged(self) -> Status:
        """Keep the loss of the newest state and return whether the run can go on from it."""
        state = self.states[-1]
        if not state.is_finite():
            return "not finite"
        if not self._ball.holds(state.w):
            return "diverged"
        loss = self._probe.value(state.w)
        if not math.isfinite(loss):
            return "not finite"
        self._losses.append(loss)
        return "ok"

    def _read_sharpness(self) -> None:
        middle = self.states[-1].plus([0.5, -0.5], [self.states[-2], self.states[-1]])
        found = preconditioned_sharpness(self.method, self._probe, middle, near=self._near)
        self._marks.append(self.t - 1)
        self._sharpness.append(found.value)
        self._near = found.vector
