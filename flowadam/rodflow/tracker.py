"""A discrete optimizer that takes flows along, for ordinary training loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import torch

from flowadam.rodflow.by_closure import Source, flat, write
from flowadam.rodflow.companions import FLOWS, QUANTITIES, Companions
from flowadam.rodflow.course import Course
from flowadam.rodflow.edge import Edge
from flowadam.rodflow.method import method as method_of
from flowadam.rodflow.status import Status

READINGS = (
    *("edge", "onset", "approach_steps", "oscillation"),
    *(f"{flow}_{quantity}" for flow in FLOWS for quantity in QUANTITIES),
)
"""S / S*; the first step at which it was found at 1 or more; steps of the approach; amplitude of
the oscillation; and of every flow what ``QUANTITIES`` says."""

KICKS = {False: 3e-4, True: 3e-5}
"""By whether the method has a nu."""


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
        kick: length of the move along the top eigenvector over |w|; default 3e-4, and 3e-5 where
            the squares of the gradient that it causes would stay in nu.

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
        kick: float | None = None,
    ) -> None:
        super().__init__(params, {"lr": lr})
        self.method = method_of(method, lr, beta1=beta1, beta2=beta2, eps=eps)
        self._source = Source([p for group in self.param_groups for p in group["params"]])
        self._course = Course(self.method, self._source)
        self._edge = Edge(self.method, self._source.gradients())
        self._approach, self._every = approach, every
        self._kick = kick if kick is not None else KICKS[self.method.adapts]
        self._companions: Companions | None = None
        self._onset: int | None = None
        self._tracked = 0

    @property
    def status(self) -> Status:
        """Of the method: "ok" while it can go on."""
        return self._course.status

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step once and take the flows along; return the loss before the step, nan after the end.

        Raises:
            ValueError: there is no closure.
        """
        if closure is None:
            raise ValueError("`closure` must evaluate loss and gradient, got None.")
        self._source.closure, course = closure, self._course
        if not course.states:
            w = flat(self._source.params)
            course.come_near(w, self._edge, most=self._approach, kick=self._kick)
        loss = course.advance()
        self._tracked += 1
        if self.status == "ok":
            self._follow()
        write(self._source.params, course.states[-1].w)
        return loss if self.status == "ok" else torch.full_like(loss, math.nan)

    def readings(self) -> dict[str, float]:
        """Return what is measured now by its name in ``READINGS``, nan where there is nothing."""
        found = dict.fromkeys(READINGS, math.nan) | {
            "edge": self._edge.ratio,
            "onset": math.nan if self._onset is None else float(self._onset),
            "approach_steps": float(self._course.approached),
            "oscillation": self._course.amplitude(),
        }
        return found | (self._companions.readings(self._onset) if self._companions else {})

    def flow_status(self, name: str) -> str:
        """Return how a flow in ``FLOWS`` goes: "ok" while it does, or before it started."""
        return self._companions.status(name) if self._companions else "ok"

    def load_state_dict(self, state_dict: dict[str, Any]) -> NoReturn:
        """Refuse: flows are not saved, so that a run is made again from its start."""
        raise RuntimeError("A Tracker cannot be continued: run it again from its start.")

    def _follow(self) -> None:
        """Take the flows a step along, and read S."""
        course = self._course
        if self._tracked == 2:
            states = tuple(course.states)
            self._companions = Companions(self.method, self._source, states, self._every)
        if not self._companions:
            return
        middle = course.middle()
        self._companions.step(middle.w)
        if self._tracked % self._every == 0 and self._edge.read(middle) >= 1:
            self._onset = self._onset or self._tracked - 1
