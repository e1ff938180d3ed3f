"""The discrete method on its way to the edge of stability, and on from there."""

from __future__ import annotations

import math
from collections import deque

import torch
from torch import Tensor

from flowadam.rodflow.by_closure import Source
from flowadam.rodflow.edge import Edge
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import State
from flowadam.rodflow.status import Ball, Status
from flowadam.rodflow.step import start, step

NEAR = 0.93
"""S / S* at which the flows start."""
PAUSE = 8
"""Steps between two readings of S before."""
CALM = 0.2
"""Largest bend |2 w_t - w_{t-1} - w_{t+1}| over |w_{t+1} - w_t| at which the flows start. After a
burst, or in the first steps of a momentum, no flow follows what is still ringing."""


class Course:
    """Steps of a method; the last three states are held.

    Attributes:
        states: the newest last; none before ``come_near``.
        approached: steps that it took.
        status: "ok" while the method can go on.
    """

    def __init__(self, method: Method, source: Source) -> None:
        self._method, self._source = method, source
        self._gradients = source.gradients()
        self._ball: Ball | None = None
        self.states: deque[State] = deque(maxlen=3)
        self.approached = 0
        self.status: Status = "ok"

    def come_near(self, w: Tensor, edge: Edge, *, most: int, kick: float) -> None:
        """Step from w [d] until S is calmly near S*, then move along the top eigenvector.

        Args:
            most: steps.
            kick: length of the move over |w|.
        """
        self.begin(start(self._method, self._gradients, w))
        near = False
        while self.status == "ok" and self.approached < most and not near:
            self.advance()
            self.approached += 1
            if self.status == "ok" and self.approached % PAUSE == 0:
                near = edge.read(self.middle()) >= NEAR and self.is_calm()
        state = self.states[-1]
        moved = state.w + kick * state.w.norm() * edge.direction(state)
        self.begin(State(moved, state.m, state.nu))

    def begin(self, state: State) -> None:
        """Forget all states but this one."""
        self._ball = self._ball or Ball(state.w)
        self.states.clear()
        self.states.append(state)

    def advance(self) -> Tensor:
        """Make a step; return the loss before it."""
        self.states.append(step(self._method, self._gradients, self.states[-1]))
        state, loss = self.states[-1], self._source.loss
        if not (state.is_finite() and bool(torch.isfinite(loss))):
            self.status = "not finite"
        elif self._ball is not None and not self._ball.holds(state.w):
            self.status = "diverged"
        return loss

    def middle(self) -> State:
        """Return the mean of the last two states."""
        return self.states[-1].plus([0.5, -0.5], [self.states[-2], self.states[-1]])

    def is_calm(self) -> bool:
        """Whether the last two moves are nearly the same; not before there are two."""
        if len(self.states) < 3:
            return False
        move = float((self.states[-1].w - self.states[-2].w).norm())
        return 4 * self.amplitude() <= CALM * move

    def amplitude(self) -> float:
        """Return |2 w_t - w_{t-1} - w_{t+1}| / 4, half the distance of the oscillation's ends."""
        if len(self.states) < 3:
            return math.nan
        before, at, after = (state.w for state in self.states)
        return float((2 * at - before - after).norm()) / 4
