"""Problems that count their evaluations or break on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch

from flowadam.task import DifferentiableProblem, Problem, Split


class Counting:
    """A problem that counts its gradient evaluations itself, independently of the meter.

    Of differentiable losses it counts the passes that go back to the parameters: one for a
    gradient, one for each Hessian-vector product.

    Attributes:
        evaluations: int64 [R].
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.params = problem.params
        self.evaluations = torch.zeros(len(self.params[0]), dtype=torch.int64)

    def begin_step(self, k: int) -> None:
        self._problem.begin_step(k)

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        self.evaluations += 1 if active is None else active
        return self._problem.closure(active)

    def losses(self, params: Sequence[torch.Tensor], replicas: Sequence[int]) -> torch.Tensor:
        watched = [p.clone() for p in params]
        watched[0].register_hook(lambda _: self._count(replicas))
        return cast(DifferentiableProblem, self._problem).losses(watched, replicas)

    def evaluate(self, split: Split) -> Mapping[str, torch.Tensor]:
        return self._problem.evaluate(split)

    def _count(self, replicas: Sequence[int]) -> None:
        self.evaluations[list(replicas)] += 1


class NanFrom(Counting):
    """Loss and gradient of one replica are nan from its evaluation number `first` on."""

    def __init__(self, problem: Problem, replica: int, first: int) -> None:
        super().__init__(problem)
        self._replica, self._first = replica, first

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        losses = super().closure(active)
        if self.evaluations[self._replica] >= self._first:
            losses[self._replica] = torch.nan
            for p in self.params:
                if p.grad is not None:
                    p.grad[self._replica] = torch.nan
        return losses

    def losses(self, params: Sequence[torch.Tensor], replicas: Sequence[int]) -> torch.Tensor:
        broken = self.evaluations[self._replica] + 1 >= self._first
        factors = [torch.nan if broken and r == self._replica else 1.0 for r in replicas]
        losses = super().losses(params, replicas)
        return losses * losses.new_tensor(factors)


class RaisesAt(Counting):
    """The closure raises when any replica reaches evaluation number `number`."""

    MESSAGE = "the loss broke on purpose"

    def __init__(self, problem: Problem, number: int) -> None:
        super().__init__(problem)
        self._number = number

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        losses = super().closure(active)
        self._raise_after(int(self.evaluations.max()))
        return losses

    def losses(self, params: Sequence[torch.Tensor], replicas: Sequence[int]) -> torch.Tensor:
        losses = super().losses(params, replicas)
        self._raise_after(int(self.evaluations[list(replicas)].max()) + 1)
        return losses

    def _raise_after(self, evaluations: int) -> None:
        if evaluations >= self._number:
            raise RuntimeError(self.MESSAGE)
