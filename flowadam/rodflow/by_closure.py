"""Gradients at any point through the closure of a training loop, which meters every one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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


def by_closure(read: Read, read_rows: Callable[[Tensor], Tensor] | None = None) -> ClosureGradients:
    """Return gradients by `read`, on a count of their own.

    Args:
        read_rows: default one row after the other.
    """

    def one_by_one(points: Tensor) -> Tensor:
        return torch.stack([read(point)[1] for point in points])

    return ClosureGradients(lambda w: read(w)[0], read=read, read_rows=read_rows or one_by_one)


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors as one vector [d], a copy."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def flat_gradient(params: Sequence[Tensor]) -> Tensor:
    """Return the gradients as one vector [d], zeros where there is none."""
    return flat([torch.zeros_like(p) if p.grad is None else p.grad for p in params])


def unflat(rows: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Return vectors [k, d] as tensors [k, ...] of the shapes of `like`."""
    parts = rows.split([p.numel() for p in like], dim=1)
    return [part.reshape(len(rows), *p.shape) for part, p in zip(parts, like, strict=True)]


@torch.no_grad()
def write(params: Sequence[Tensor], w: Tensor) -> None:
    """Copy the vector w [d] into the parameters."""
    for p, part in zip(params, w.split([p.numel() for p in params]), strict=True):
        p.copy_(part.view_as(p))
