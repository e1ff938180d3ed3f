"""The clipped gradient flow of one step, and the points on it where replicas stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from flowadam.optim.evaluation import Evaluation
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
    """

    moved: list[Tensor] | None = None
    end_slopes: list[Tensor] | None = None
    end_loss: float = math.nan


class Field:
    """d theta / d tau = -h clip(grad L(theta)), tau from 0 to 1, clip to +-clip_value.

    Horizon h and clip value are those of each tensor's group. Trial points are written into the
    live parameters, because the closure reads them there.

    Args:
        slots: slots of all flowing replicas; their gradients give the first slope.
        params: all parameters of the optimizer; their gradients are cleared before each evaluation.
        evaluate: the user's closure.

    Attributes:
        legs: by replica.
        evals: closure evaluations so far, by replica.
    """

    def __init__(self, slots: Sequence[Slot], params: Sequence[Tensor], evaluate: Evaluation):
        self.legs = {r: [_leg(slot) for slot in own] for r, own in by_replica(slots).items()}
        self.evals = dict.fromkeys(self.legs, 0)
        self._params, self._evaluate = params, evaluate

    def gradients(self, replicas: Sequence[int]) -> tuple[list[float], list[list[Tensor]]]:
        """Evaluate at the live parameters; return losses and unclipped gradients per leg.

        The gradients may share memory with the closure's buffers: copy them before the next call.
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
            for leg in self.legs[r]:
                leg.slot.param.copy_(leg.start)


def by_group(legs: Sequence[Leg]) -> list[tuple[dict[str, Any], list[Leg]]]:
    """Collect legs that share their group's options."""
    found: dict[int, tuple[dict[str, Any], list[Leg]]] = {}
    for leg in legs:
        group = leg.slot.group
        found.setdefault(id(group), (group, []))[1].append(leg)
    return list(found.values())


def clip(gradient: Tensor, bound: float) -> Tensor:
    """Return the gradient with every coordinate limited to +-bound."""
    return gradient.clamp(-bound, bound)


def _leg(slot: Slot) -> Leg:
    bound = slot.group["clip_value"]
    # No coordinate exceeds the norm, so a short gradient needs no pass.
    slope = slot.grad if slot.grad_norm <= bound else clip(slot.grad, bound)
    return Leg(slot, slot.param.clone(), slope)
