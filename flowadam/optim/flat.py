"""One replica's flow as a vector field, the form that step-size controlled solvers need."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.optim.clip import clip
from flowadam.optim.field import Field, Journey


class FlatField:
    """f(y) = -h clip(grad L(y)) for y = all tensors of one replica, flattened and concatenated.

    y is float64 whatever the parameters are, because a flow moves them by a few units in the last
    place of float32; it is rounded when it is written into them. With ``ode_setup="published"``
    y has the dtype of the parameters and time runs to h itself: f(y) = -clip(grad L(y)).

    Args:
        field: the flow.
        journey: the replica that moves.

    Attributes:
        start: y at the start.
        start_slope: f(start), known without an evaluation.
        span: h, the horizon of the first tensor, which is the length of time if "published".
        closure_failed: the user's closure raised.
    """

    def __init__(self, field: Field, journey: Journey) -> None:
        self._field, self._journey = field, journey
        self._groups, self._horizons = journey.lane.groups, journey.horizons
        self._sizes = [start.numel() for start in journey.starts]
        self._published = self._groups[0]["ode_setup"] == "published"
        dtypes = {start.dtype for start in journey.starts}
        self._dtype = dtypes.pop() if self._published and len(dtypes) == 1 else torch.float64
        self.span = self._horizons[0]
        self.start = self._flatten(journey.starts)
        self.start_slope = self._pull(journey.lane.grads)
        self.closure_failed = False

    def __call__(self, y: Tensor) -> Tensor:
        """Return f(y), NaN where the gradient is not finite. The loss has no say."""
        if not self._published and torch.equal(y, self.start):
            return self.start_slope
        self._write(y)
        try:
            _, (gradients,) = self._field.gradients([self._journey])
        except BaseException:
            self.closure_failed = True
            raise
        return self._pull(gradients)

    def arrive(self, y: Tensor) -> None:
        """Leave the parameters at y, the end of the flow."""
        self._write(y)
        self._journey.arrived, self._journey.moved = True, self._split(y - self.start)

    def _pull(self, gradients: Sequence[Tensor]) -> Tensor:
        finite = [_infinite_to_nan(gradient) for gradient in gradients]
        slopes = clip(finite, self._groups)
        speeds = map(self._speed, self._horizons)
        return self._flatten([-speed * s for speed, s in zip(speeds, slopes, strict=True)])

    def _speed(self, horizon: float) -> float:
        """Return the factor of a tensor's slope, so that it moves for its own group's horizon."""
        if not self._published:
            return horizon
        return horizon / self.span if self.span else 1.0

    def _write(self, y: Tensor) -> None:
        for param, piece in zip(self._journey.lane.params, self._split(y), strict=True):
            param.copy_(piece)

    def _split(self, y: Tensor) -> list[Tensor]:
        pieces, starts = y.split(self._sizes), self._journey.starts
        return [piece.view(start.shape) for piece, start in zip(pieces, starts, strict=True)]

    def _flatten(self, tensors: Sequence[Tensor]) -> Tensor:
        device = self._journey.starts[0].device
        return torch.cat([t.reshape(-1).to(device, self._dtype) for t in tensors])


def _infinite_to_nan(gradient: Tensor) -> Tensor:
    """Clipping would make an infinite coordinate look like an ordinary one."""
    return torch.where(torch.isfinite(gradient), gradient, math.nan)
