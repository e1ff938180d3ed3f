"""Gradients at any point through the closure of a training loop, which meters every one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from flowadam.rodflow.gradients import Gradients

Read = Callable[[Tensor], tuple[Tensor, Tensor]]

STEP = 1e-7
"""Of a difference of gradients, as a share of 1 + |w|; needs float64."""


@dataclass(frozen=True)
class ClosureGradients(Gradients):
    """g(w) of what only a closure knows.

    A loss costs a gradient here, but counts as a loss. A Hessian-vector product is the difference
    of two gradients, (g(w + h v) - g(w)) / h.

    Args:
        read: w [d] -> loss (0-d) and gradient [d].
        read_rows: points [k, d] -> gradients [k, d].
    """

    read: Read = field(kw_only=True)
    read_rows: Callable[[Tensor], Tensor] = field(kw_only=True)

    def value(self, w: Tensor) -> float:
        """Return the loss at w [d]."""
        self.count.losses += 1
        return float(self.read(w)[0])

    def at(self, w: Tensor) -> Tensor:
        """Return g(w) [d]."""
        self.count.gradients += 1
        return self.read(w)[1]

    def pair(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return g at two points."""
        one, other = self.of_rows(torch.stack((first, second)))
        return one, other

    def of_rows(self, points: Tensor) -> Tensor:
        """Return g of each row of `points` [k, d]."""
        self.count.gradients += len(points)
        return self.read_rows(points)

    def hessian(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Return v -> H(w) v; costs one gradient, and one more for each product."""
        here, reach = self.at(w), STEP * (1 + float(w.norm()))

        def product(v: Tensor) -> Tensor:
            length = float(v.norm())
            if length == 0:
                return torch.zeros_like(v)
            h = reach / length
            return (self.at(w + h * v) - here) / h

        return product


class Source:
    """Loss and gradients of parameters in a training loop, through whatever its closure is now.

    Reading moves the parameters; the caller puts back what they shall be.

    Args:
        params: tensors; the closure is a function of them.

    Attributes:
        closure: evaluates loss and gradients. One with ``at_points``, see
            ``flowadam.stacking.OwnClosure``, evaluates several points at once.
        loss: of the last single evaluation.
    """

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.params = list(params)
        self.closure: Callable[[], Any] = lambda: math.nan
        self.loss = torch.tensor(math.nan)

    def gradients(self) -> ClosureGradients:
        """Return the gradients, on a count of their own."""
        return ClosureGradients(lambda w: self.read(w)[0], read=self.read, read_rows=self.read_rows)

    def read(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss (0-d) and gradient [d] at w [d]."""
        write(self.params, w)
        with torch.enable_grad():
            self.loss = torch.as_tensor(self.closure()).detach()
        return self.loss, flat_gradient(self.params)

    def read_rows(self, points: Tensor) -> Tensor:
        """Return the gradients [k, d] at rows [k, d], at once where the closure can."""
        at_points = getattr(self.closure, "at_points", None)
        if at_points is None:
            return torch.stack([self.read(point)[1] for point in points])
        _, gradients = at_points(_unflat(points, self.params))
        return torch.cat([gradient.reshape(len(points), -1) for gradient in gradients], dim=1)


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors as one vector [d], a copy."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def flat_gradient(params: Sequence[Tensor]) -> Tensor:
    """Return the gradients as one vector [d], zeros where there is none."""
    return flat([torch.zeros_like(p) if p.grad is None else p.grad for p in params])


def _unflat(rows: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Return vectors [k, d] as tensors [k, ...] of the shapes of `like`."""
    parts = rows.split([p.numel() for p in like], dim=1)
    return [part.reshape(len(rows), *p.shape) for part, p in zip(parts, like, strict=True)]


@torch.no_grad()
def write(params: Sequence[Tensor], w: Tensor) -> None:
    """Copy the vector w [d] into the parameters."""
    for p, part in zip(params, w.split([p.numel() for p in params]), strict=True):
        p.copy_(part.view_as(p))
