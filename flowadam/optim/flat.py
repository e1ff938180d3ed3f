"""One replica's flow as a vector field, the form that step-size controlled solvers need."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.optim.clip import clip
from flowadam.optim.field import Field


class FlatField:
    """f(y) = -h clip(grad L(y)) for y = all tensors of one replica, flattened and concatenated.

    y is float64 whatever the parameters are, because a flow moves them by a few units in the last
    place of float32; it is rounded when it is written into them. With ``ode_setup="published"``
    y has the dtype of the parameters and time runs to h itself: f(y) = -clip(grad L(y)).

    Args:
        field: the flow.
        replica: which replica moves.

    Attributes:
        start: y at the start.
        start_slope: f(start), known without an evaluation.
        span: h, the horizon of the first tensor, which is the length of time if "published".
        closure_failed: the user's closure raised.
    """

    def __init__(self, field: Field, replica: int) -> None:
        self._field, self._replica, self._legs = field, replica, field.legs[replica]
        self._groups = [leg.slot.group for leg in self._legs]
        self._sizes = [leg.start.numel() for leg in self._legs]
        self._published = self._groups[0]["ode_setup"] == "published"
        dtypes = {leg.start.dtype for leg in self._legs}
        self._dtype = dtypes.pop() if self._published and len(dtypes) == 1 else torch.float64
        self.span = self._legs[0].horizon
        self.start = self._flatten([leg.start for leg in self._legs])
        self.start_slope = self._pull([leg.slot.grad for leg in self._legs])
        self.closure_failed = False

    def __call__(self, y: Tensor) -> Tensor:
        """Return f(y), or NaN everywhere when loss or gradient are not finite at y."""
        if not self._published and torch.equal(y, self.start):
            return self.start_slope
        self._write(y)
        try:
            (loss,), (gradients,) = self._field.gradients([self._replica])
        except BaseException:
            self.closure_failed = True
            raise
        pull = self._pull(gradients)
        return pull if math.isfinite(float(loss)) else torch.full_like(pull, math.nan)

    def arrive(self, y: Tensor) -> list[Tensor]:
        """Leave the parameters at y; return the displacement from the start, per leg."""
        self._write(y)
        return self._split(y - self.start)

    def _pull(self, gradients: Sequence[Tensor]) -> Tensor:
        finite = [_infinite_to_nan(gradient) for gradient in gradients]
        slopes = clip(finite, self._groups)
        speeds = (self._speed(leg.horizon) for leg in self._legs)
        return self._flatten([-speed * s for speed, s in zip(speeds, slopes, strict=True)])

    def _speed(self, horizon: float) -> float:
        """Return the factor of a tensor's slope, so that it moves for its own group's horizon."""
        if not self._published:
            return horizon
        return horizon / self.span if self.span else 1.0

    def _write(self, y: Tensor) -> None:
        for leg, piece in zip(self._legs, self._split(y), strict=True):
            leg.slot.param.copy_(piece)

    def _split(self, y: Tensor) -> list[Tensor]:
        pieces = y.split(self._sizes)
        return [p.view(leg.start.shape) for p, leg in zip(pieces, self._legs, strict=True)]

    def _flatten(self, tensors: Sequence[Tensor]) -> Tensor:
        device = self._legs[0].start.device
        return torch.cat([t.reshape(-1).to(device, self._dtype) for t in tensors])


def _infinite_to_nan(gradient: Tensor) -> Tensor:
    """Clipping would make an infinite coordinate look like an ordinary one."""
    return torch.where(torch.isfinite(gradient), gradient, math.nan)
