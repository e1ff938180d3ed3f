"""Problems that count their evaluations or break on purpose."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from flowadam.task import Problem, Split


class Counting:
    """A problem that counts its gradient evaluations itself, independently of the meter.

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

    def evaluate(self, split: Split) -> Mapping[str, torch.Tensor]:
        return self._problem.evaluate(split)


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


class RaisesAt(Counting):
    """The closure raises when any replica reaches evaluation number `number`."""

    MESSAGE = "the loss broke on purpose"

    def __init__(self, problem: Problem, number: int) -> None:
        super().__init__(problem)
        self._number = number

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        losses = super().closure(active)
        if int(self.evaluations.max()) >= self._number:
            raise RuntimeError(self.MESSAGE)
        return losses
