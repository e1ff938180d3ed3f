"""Functions without data, R replicas at once."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from trainables.problem import FullBatchProblem
from trainables.setup import Setup


class SurfaceProblem(FullBatchProblem[None]):
    """Minimize f(theta) + penalty * sum(theta^2); metric "loss" = f.

    Args:
        start: theta [R, d].
    """

    def __init__(self, start: Tensor, setup: Setup) -> None:
        super().__init__([start], dict.fromkeys(setup.splits()))
        self._penalty = setup.penalty

    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        (theta,), (slot,) = weights, slots
        loss = self._slope(theta, slot)
        if self._penalty:
            slot.add_(theta, alpha=2 * self._penalty)
            loss = loss + self._penalty * theta.dot(theta)
        return loss

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        (theta,) = weights
        return self._value(theta) + self._penalty * theta.square().sum()

    def _score(self, weights: tuple[Tensor, ...], part: None) -> dict[str, Tensor]:
        return {"loss": self._value(*weights)}

    @abstractmethod
    def _value(self, theta: Tensor) -> Tensor:
        """Return f(theta), 0-d."""

    @abstractmethod
    def _slope(self, theta: Tensor, slot: Tensor) -> Tensor:
        """Write grad f(theta) into `slot` and return f(theta)."""


class RosenbrockProblem(SurfaceProblem):
    """f(x, y) = (1 - x)^2 + 100 (y - x^2)^2."""

    def _value(self, theta: Tensor) -> Tensor:
        x, y = theta.unbind()
        return (1 - x).square() + 100 * (y - x.square()).square()

    def _slope(self, theta: Tensor, slot: Tensor) -> Tensor:
        x, y = theta.unbind()
        rest, rise = 1 - x, y - x.square()
        slot[0], slot[1] = -2 * rest - 400 * x * rise, 200 * rise
        return rest.square() + 100 * rise.square()


class QuadraticProblem(SurfaceProblem):
    """f(theta) = theta^T H theta / 2.

    Args:
        hessian: H, symmetric [d, d].
    """

    def __init__(self, hessian: object, start: Tensor, setup: Setup) -> None:
        super().__init__(start, setup)
        self._hessian = setup.tensor(hessian)

    def _value(self, theta: Tensor) -> Tensor:
        return theta.dot(self._hessian @ theta) / 2

    def _slope(self, theta: Tensor, slot: Tensor) -> Tensor:
        torch.mv(self._hessian, theta, out=slot)
        return theta.dot(slot) / 2
