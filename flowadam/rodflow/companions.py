"""The flows beside a run, and what is read of them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from flowadam.rodflow.alternating import AlternatingRod
from flowadam.rodflow.by_closure import Source
from flowadam.rodflow.flows import Flow
from flowadam.rodflow.follower import Follower
from flowadam.rodflow.matrix import MatrixRod
from flowadam.rodflow.method import Method
from flowadam.rodflow.stable import StableFlow
from flowadam.rodflow.states import State

FLOWS: dict[str, Flow[Any]] = {
    "stable": StableFlow(most_substeps=100),
    "matrix": MatrixRod(rank=2, substeps=3),
    "rod": AlternatingRod(),
}
"""The flows by the names of their readings. The alternating rod is kept as long as round-off keeps
the oscillation of the method: at a length of 0 it would never notice the onset. The matrix rod has
the least rank that sees it, and the fewest substeps at which its midpoint rule is stable."""

QUANTITIES = ("error", "mean", "extent", "loss", "gradients", "steps")
"""What is read of a flow: the distance of its center to (w_t + w_{t+1}) / 2; the mean of it since
the onset, over the steps that the flow lasted; half the length of its rod; the loss that it expects
of the iterates; gradients per optimizer step; steps that it lasted."""


class Companions:
    """Flows that go along with a method.

    Args:
        start: states of the method at t = 0, 1 and 2.
        every: steps between two readings of the flows' losses.
    """

    def __init__(
        self, method: Method, source: Source, start: tuple[State, ...], every: int
    ) -> None:
        w = start[0].w
        flows = FLOWS | {"rod": AlternatingRod(floor=torch.finfo(w.dtype).eps * float(w.norm()))}
        self._followers = {
            name: Follower(flow, method, source.gradients(), start) for name, flow in flows.items()
        }
        self._every, self._steps = every, 0

    def step(self, target: Tensor) -> None:
        """Take every flow from t to t + 1; `target` is (w_t + w_{t+1}) / 2."""
        for follower in self._followers.values():
            if self._steps % self._every == 0:
                follower.read_loss()
            follower.step(target)
        self._steps += 1

    def status(self, name: str) -> str:
        """Return how a flow goes: "ok" while it does."""
        return self._followers[name].status

    def readings(self, onset: int | None) -> dict[str, float]:
        """Return every quantity of every flow by its name, nan where there is none.

        Args:
            onset: the first t with S >= S*.
        """
        named = self._followers.items()
        return {f"{name}_{key}": value for name, f in named for key, value in _read(f, onset)}


def _read(follower: Follower, onset: int | None) -> list[tuple[str, float]]:
    errors = [] if onset is None else follower.errors[onset - 1 :]
    lasted = [error for error in errors if math.isfinite(error)]
    values = (
        follower.errors[-1],
        math.fsum(lasted) / len(lasted) if lasted else math.nan,
        follower.extents[-1],
        follower.losses[-1],
        follower.gradients.count.gradients / follower.steps if follower.steps else math.nan,
        float(follower.steps),
    )
    return list(zip(QUANTITIES, values, strict=True))
