"""The clipped gradient flow of one step, and the points on it where replicas stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.clip import count_clipped, first_slopes
from flowadam.optim.evaluation import Evaluation
from flowadam.optim.gradients import Scratch
from flowadam.optim.slots import Slot, by_replica


class SolverFailure(Exception):
    """The flow could not be followed to the horizon."""


@dataclass(slots=True)
class Leg:
    """One slot on its way along the flow.

    Attributes:
        start: parameters at the start.
        slope: clip(gradient) at the start.
    """

    slot: Slot
    start: Tensor
    slope: Tensor

    @property
    def horizon(self) -> float:
        """Length h = lr * ode_t_scale of the flow."""
        return self.slot.group["lr"] * self.slot.group["ode_t_scale"]


@dataclass(slots=True)
class Arrival:
    """How a replica came to its end point.

    Attributes:
        moved: exact displacement per leg; None after an Euler step, where it is -h `Leg.slope`.
        end_slopes: unclipped gradients at the end point per leg; None where they are not known.
        end_loss: the loss that belongs to them.
        lengths: norms of slope and momentum per leg, where an Euler step has found them.
    """

    moved: list[Tensor] | None = None
    end_slopes: list[Tensor] | None = None
    lengths: list[tuple[float, float]] | None = None
    end_loss: Tensor = field(default_factory=lambda: torch.zeros(()))


class Field:
    """d theta / d tau = -h clip(grad L(theta)), tau from 0 to 1.

    Horizon h and clip value are those of each tensor's group. Trial points are written into the
    live parameters, because the closure reads them there.

    Args:
        slots: slots of all flowing replicas; their gradients give the first slope.
        params: all parameters of the optimizer; their gradients are cleared before each evaluation.
        evaluate: the user's closure.
        scratch: memory of the start points.

    Attributes:
        legs: by replica.
        evals: closure evaluations so far, by replica.
        clipped: coordinates that the clip changed in the first slope, by replica.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        params: Sequence[Tensor],
        evaluate: Evaluation,
        scratch: Scratch,
    ) -> None:
        self.legs: dict[int, list[Leg]] = {}
        self.clipped: dict[int, int] = {}
        for r, own in by_replica(slots).items():
            slopes = first_slopes(own)
            starts = scratch.copies(own, "start", [slot.param for slot in own])
            self.legs[r] = [Leg(*leg) for leg in zip(own, starts, slopes, strict=True)]
            self.clipped[r] = count_clipped(own, slopes)
        self.evals = dict.fromkeys(self.legs, 0)
        self._params, self._evaluate = params, evaluate

    def gradients(self, replicas: Sequence[int]) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Evaluate at the live parameters; return losses (0-d) and unclipped gradients per leg.

        They may share memory with the closure's buffers: copy them before the next call.
        """
        for p in self._params:
            p.grad = None
        losses = self._evaluate.losses(replicas)
        for r in replicas:
            self.evals[r] += 1
        return losses, [[leg.slot.current_grad() for leg in self.legs[r]] for r in replicas]

    def rewind(self, replicas: Sequence[int]) -> None:
        """Put the start point back into the live parameters."""
        for r in replicas:
            legs = self.legs[r]
            kernels.copy_([leg.slot.param for leg in legs], [leg.start for leg in legs])


def by_group(legs: Sequence[Leg]) -> list[tuple[dict[str, Any], list[Leg]]]:
    """Collect legs that share their group's options."""
    found: dict[int, tuple[dict[str, Any], list[Leg]]] = {}
    for leg in legs:
        group = leg.slot.group
        found.setdefault(id(group), (group, []))[1].append(leg)
    return list(found.values())
