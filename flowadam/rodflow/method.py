"""The one-step map of an optimizer with its rates; discrete method and flows are made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from flowadam.rodflow.optimizers import Optimizer, optimizer


@dataclass(frozen=True)
class Method:
    """An optimizer and its constants, without bias correction.

    nu' = beta2 nu + (1 - beta2) s(g),  m' = beta1 m + k1 g,  w' = w - p u.

    Every part is linear in (m, g) but s and p, so that the same functions move a center, the two
    ends of a rod and the rod itself.

    Args:
        optimizer: which u and p; see ``Optimizer``.
        lr: eta > 0.
        beta1: of the momentum, from 0 to below 1; unused without one.
        beta2: of nu, from 0 to below 1; unused without one.
        eps: beside the root of nu, at least 0.

    Raises:
        ValueError: a constant is out of its range.
    """

    optimizer: Optimizer
    lr: float
    beta1: float = 0.9
    beta2: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("lr", "beta1", "beta2", "eps"):
            if not isinstance(getattr(self, name), Real) or isinstance(getattr(self, name), bool):
                raise ValueError(f"`{name}` must be a number, got {getattr(self, name)!r}.")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"`lr` must be a positive finite number, got {self.lr!r}.")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                value = getattr(self, name)
                raise ValueError(f"`{name}` must be a number from 0 to below 1, got {value!r}.")
        if not 0 <= self.eps < math.inf:
            raise ValueError(f"`eps` must be a finite number of at least 0, got {self.eps!r}.")

    @property
    def k1(self) -> float:
        """The share of a gradient that enters the momentum."""
        return 1 - self.beta1 if self.optimizer.averaged else 1.0

    @property
    def has_momentum(self) -> bool:
        return self.optimizer.momentum != "none"

    @property
    def adapts(self) -> bool:
        return self.optimizer.moment != "none"

    def squares(self, g: Tensor) -> Tensor:
        """Return s(g) of gradients [..., d]: [..., d], or their sum [..., 1], or none [..., 0]."""
        if self.optimizer.moment == "vector":
            return g * g
        if self.optimizer.moment == "scalar":
            return (g * g).sum(-1, keepdim=True)
        return g[..., :0]

    def second_moment(self, nu: Tensor, squares: Tensor) -> Tensor:
        """Return nu' = nu + (1 - beta2) (s - nu)."""
        return torch.lerp(nu, squares, 1 - self.beta2) if self.adapts else nu

    def momentum(self, m: Tensor, g: Tensor) -> Tensor:
        """Return m' = beta1 m + k1 g; m itself, without entries, where there is none."""
        return self._blend(m, g) if self.has_momentum else m

    def direction(self, m_next: Tensor, g: Tensor) -> Tensor:
        """Return u of m' and g."""
        if not self.has_momentum:
            return g
        if self.optimizer.momentum == "heavy ball":
            return m_next
        return self._blend(m_next, g)

    def _blend(self, m: Tensor, g: Tensor) -> Tensor:
        return torch.add(self.beta1 * m, g, alpha=self.k1)

    def preconditioner(self, nu: Tensor) -> Tensor:
        """Return P = sqrt(nu) + eps, or 1; it broadcasts against a vector [d]."""
        # A sum over several rods, a difference of large numbers, can fall below 0.
        return nu.clamp(min=0).sqrt() + self.eps if self.adapts else nu.new_ones(1)

    def rate(self, nu_next: Tensor) -> Tensor | float:
        """Return p = lr / P of nu', or lr."""
        return self.lr / self.preconditioner(nu_next) if self.adapts else self.lr


def method(
    name: str, lr: float, *, beta1: float = 0.9, beta2: float = 0.99, eps: float = 1e-8
) -> Method:
    """Return the method of one of the nine optimizers by its name.

    Raises:
        ValueError: the name is unknown or a constant out of its range.
    """
    return Method(optimizer(name), lr, beta1, beta2, eps)
