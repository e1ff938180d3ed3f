"""Matrix sensing by two factors, R replicas at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flowadam.task import Split
from trainables.problem import FullBatchProblem
from trainables.setup import Setup
from trainables.small.sensing import Sensed


@dataclass(frozen=True, eq=False)
class Goal:
    """What a matrix X is compared with: `values`, to be met by A vec(X), or by vec(X) itself.

    Args:
        operators: A [n, size * size]; None for the matrix itself.
        values: [n], or [size * size].
    """

    operators: Tensor | None
    values: Tensor

    def recovery(self, x: Tensor) -> Tensor:
        """Return the norm of what is missed, divided by that of the goal, 0-d."""
        flat = x.reshape(-1)
        found = flat if self.operators is None else self.operators @ flat
        return (found - self.values).norm() / self.values.norm()


class SensingProblem(FullBatchProblem[Goal]):
    """X = U V^T; the loss is mean((A vec(X) - y)^2) + penalty * (sum U^2 + sum V^2).

    With r = A vec(X) - y and G = 2/m A^T r as a matrix, dU = G V + 2 w U and dV = G^T U + 2 w V.

    Args:
        factors: U and V [R, size, size] at the start.
    """

    def __init__(self, data: Sensed, factors: list[Tensor], setup: Setup) -> None:
        super().__init__(factors, {s: _goal(data, s, setup) for s in setup.splits()})
        self._operators = setup.tensor(data.train.operators)
        self._values = setup.tensor(data.train.values)
        self._penalty = setup.penalty
        self._work = torch.empty_like(factors[0][0], requires_grad=False)
        self._slope = torch.empty_like(self._work)

    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        (u, v), (grad_u, grad_v) = weights, slots
        torch.mm(u, v.t(), out=self._work)
        missed = torch.addmv(self._values, self._operators, self._work.view(-1), beta=-1)
        torch.mv(self._operators.t(), missed, out=self._slope.view(-1))
        rate, shrink = 2 / len(missed), 2 * self._penalty
        torch.addmm(u, self._slope, v, beta=shrink, alpha=rate, out=grad_u)
        torch.addmm(v, self._slope.t(), u, beta=shrink, alpha=rate, out=grad_v)
        return missed.square().mean() + self._squares(u, v)

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        u, v = weights
        missed = self._operators @ (u @ v.t()).reshape(-1) - self._values
        return missed.square().mean() + self._squares(u, v)

    def _squares(self, u: Tensor, v: Tensor) -> Tensor | float:
        return self._penalty * (u.square().sum() + v.square().sum()) if self._penalty else 0.0

    def _score(self, weights: tuple[Tensor, ...], part: Goal) -> dict[str, Tensor]:
        u, v = weights
        x = u @ v.t()
        return {"recovery": part.recovery(x), "effective_rank": effective_rank(x)}


def effective_rank(x: Tensor) -> Tensor:
    """Return exp(-sum p log p), p the singular values of x divided by their sum, 0-d."""
    singular = torch.linalg.svdvals(x)
    return torch.special.entr(singular / singular.sum()).sum().exp()


def _goal(data: Sensed, split: Split, setup: Setup) -> Goal:
    if split == "test":
        return Goal(None, setup.tensor(data.truth.reshape(-1)))
    return Goal(setup.tensor(data.val.operators), setup.tensor(data.val.values))
