"""Gradients of a loss of one flat vector, counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

Loss = Callable[[Tensor], Tensor]


@dataclass
class Count:
    """What was evaluated.

    Attributes:
        gradients: gradients, Hessian-vector products and Jacobian-vector products of gradients,
            one each and by point: k gradients evaluated at once count k.
        losses: losses without gradient.
    """

    gradients: int = 0
    losses: int = 0


@dataclass(frozen=True)
class Gradients:
    """g(w) and its derivatives, every evaluation counted.

    Args:
        loss: [d] -> scalar, by torch functions, for several rods such as ``torch.func.vmap`` knows.
        count: where evaluations are counted.
        transformable: evaluate by ``torch.func.grad``, so that a ``torch.func`` transformation may
            be put around it. Otherwise one backward pass through all losses, which is faster.
    """

    loss: Loss
    count: Count = field(default_factory=Count)
    transformable: bool = False

    def value(self, w: Tensor) -> float:
        """Return the loss at w [d]."""
        self.count.losses += 1
        with torch.no_grad():
            return float(self.loss(w))

    def at(self, w: Tensor) -> Tensor:
        """Return g(w) [d]."""
        self.count.gradients += 1
        if self.transformable:
            return torch.func.grad(self.loss)(w)
        return _backward(self.loss, w)

    def pair(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return g at two points, by one backward pass.

        On a CPU that takes 0.85 of the time of two; the passes of ``vmap`` were measured to take
        1.03 to 1.27 of it.
        """
        if self.transformable or first.is_cuda:
            rows = self.of_rows(torch.stack((first, second)))
            return rows[0], rows[1]
        self.count.gradients += 2
        leaves = first.detach().requires_grad_(), second.detach().requires_grad_()
        with torch.enable_grad():
            total = self.loss(leaves[0]) + self.loss(leaves[1])
            one, other = torch.autograd.grad(total, leaves, materialize_grads=True)
        return one, other

    def of_rows(self, points: Tensor) -> Tensor:
        """Return g of each row of `points` [k, d], in one pass by ``vmap``."""
        self.count.gradients += len(points)
        if self.transformable:
            return torch.func.vmap(torch.func.grad(self.loss))(points)
        return _backward(lambda rows: torch.func.vmap(self.loss)(rows).sum(), points)

    def transformed(self) -> Gradients:
        """Return the same, on the same count, fit for ``torch.func.jvp``."""
        return replace(self, transformable=True)

    def hessian(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Return v -> H(w) v; costs one gradient, and one more for each product."""
        self.count.gradients += 1
        point = w.detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(
                self.loss(point), point, create_graph=True, materialize_grads=True
            )

        def product(v: Tensor) -> Tensor:
            self.count.gradients += 1
            if not slope.requires_grad:  # a linear loss
                return torch.zeros_like(v)
            return torch.autograd.grad(slope, point, v, retain_graph=True, materialize_grads=True)[
                0
            ]

        return product


def _backward(function: Loss, points: Tensor) -> Tensor:
    leaf = points.detach().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(function(leaf), leaf, materialize_grads=True)[0]
