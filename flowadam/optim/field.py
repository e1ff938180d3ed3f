"""The clipped gradient flow of one step, and the points on it where replicas stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.clip import count_clipped, first_slopes
from flowadam.optim.evaluation import Evaluation
from flowadam.optim.lanes import Lane


class SolverFailure(Exception):
    """The flow could not be followed to the horizon."""


@dataclass(slots=True)
class Slopes:
    """Unclipped gradients of a replica at an end point, for use as the next step's.

    Attributes:
        tensors: the gradients, in memory of their own.
        lengths: their norms.
        changes: norms of their differences to the gradients at the start of the step.
        loss: the loss that belongs to them, 0-d.
    """

    tensors: list[Tensor]
    lengths: list[float]
    changes: list[float]
    loss: Tensor


@dataclass(slots=True)
class Journey:
    """One replica on its way along the flow.

    Attributes:
        starts: parameters at the start.
        slopes: clip(gradient) at the start; the gradient itself where the clip changes nothing.
        clipped: coordinates that the clip changed in them.
        evals: closure evaluations so far.
        arrived: the parameters are at the end of the flow.
        moved: exact displacements; None after an Euler step, where they are -h `slopes`.
        speeds: norms of `slopes`, where they are known.
        paces: norms of the momenta, where they are known.
        kept: what the last evaluation found there, if it is to be used again.
    """

    lane: Lane
    starts: list[Tensor]
    slopes: list[Tensor]
    clipped: int
    evals: int = 0
    arrived: bool = False
    moved: list[Tensor] | None = None
    speeds: Sequence[float | None] | None = None
    paces: list[float] | None = None
    kept: Slopes | None = None

    @property
    def horizons(self) -> list[float]:
        """Length h = lr * ode_t_scale of the flow, of every tensor."""
        return [group["lr"] * group["ode_t_scale"] for group in self.lane.groups]

    @property
    def coordinates(self) -> int:
        return sum(map(Tensor.numel, self.starts))

    def known_speeds(self) -> list[float | None]:
        """Return the norms of `slopes`, None for those that the clip changed."""
        columns = zip(self.slopes, self.lane.grads, self.lane.lengths or (), strict=True)
        return [length if slope is grad else None for slope, grad, length in columns]

    def rewind(self) -> None:
        """Put the start point back into the live parameters."""
        kernels.copy_(self.lane.params, self.starts)


def depart(lanes: Sequence[Lane], starts: Sequence[list[Tensor]]) -> list[Journey]:
    """Return the journeys of `lanes` with their first slopes, which their gradients give."""
    journeys: list[Journey] = []
    for lane, own in zip(lanes, starts, strict=True):
        slopes = first_slopes(lane)
        journeys.append(Journey(lane, own, slopes, count_clipped(lane.grads, slopes)))
    return journeys


class Field:
    """d theta / d tau = -h clip(grad L(theta)), tau from 0 to 1.

    Horizon h and clip value are those of each tensor's group. Trial points are written into the
    live parameters, because the closure reads them there.

    Args:
        lanes: the flowing replicas; their gradients give the first slopes.
        params: all parameters of the optimizer; their gradients are cleared before each evaluation.
        evaluate: the user's closure.
        starts: copies of their parameters.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        params: Sequence[Tensor],
        evaluate: Evaluation,
        starts: Sequence[list[Tensor]],
    ) -> None:
        self._params, self._evaluate = params, evaluate
        self.journeys = depart(lanes, starts)

    def gradients(self, journeys: Sequence[Journey]) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Evaluate at the live parameters; return losses (0-d) and unclipped gradients of each.

        They may share memory with the closure's buffers: copy them before the next call.
        """
        for p in self._params:
            p.grad = None
        losses = self._evaluate.losses([journey.lane.replica for journey in journeys])
        for journey in journeys:
            journey.evals += 1
        return losses, [journey.lane.current_grads() for journey in journeys]
