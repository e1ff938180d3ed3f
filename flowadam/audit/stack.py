"""Problems around problems: several with data of their own, and one that charges steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from flowadam.task import DifferentiableProblem, Problem, Split


def joined(problems: Sequence[Problem]) -> Problem:
    """Return R problems of one replica each as one of R replicas."""
    return problems[0] if len(problems) == 1 else Joined(problems)


class Joined:
    """R problems of one replica, each with data of its own, behind one stack of parameters."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self._inner = list(problems)
        columns = zip(*(problem.params for problem in problems), strict=True)
        self.params = [torch.cat([p.detach() for p in own]).requires_grad_() for own in columns]

    def begin_step(self, k: int) -> None:
        for problem in self._inner:
            problem.begin_step(k)

    def closure(self, active: Tensor | None = None) -> Tensor:
        """Fill ``p.grad`` of the active replicas and return losses [R], nan where inactive."""
        chosen = range(len(self._inner)) if active is None else active.nonzero().flatten().tolist()
        losses = torch.full((len(self._inner),), torch.nan, dtype=self.params[0].dtype)
        gradients = [torch.zeros_like(p) for p in self.params]
        for r in chosen:
            problem = self._at(r)
            losses[r] = problem.closure().detach()[0]
            for gradient, p in zip(gradients, problem.params, strict=True):
                if p.grad is not None:
                    gradient[r] = p.grad[0]
        for p, gradient in zip(self.params, gradients, strict=True):
            p.grad = gradient
        return losses

    def losses(self, params: Sequence[Tensor], replicas: Sequence[int]) -> Tensor:
        """Return the losses at `params`; see ``flowadam.task.DifferentiableProblem``."""
        inner = [cast(DifferentiableProblem, self._inner[r]) for r in replicas]
        return torch.cat(
            [one.losses([p[i : i + 1] for p in params], [0]) for i, one in enumerate(inner)]
        )

    def evaluate(self, split: Split) -> Mapping[str, Tensor]:
        found = [self._at(r).evaluate(split) for r in range(len(self._inner))]
        return {name: torch.cat([one[name] for one in found]) for name in found[0]}

    @torch.no_grad()
    def _at(self, r: int) -> Problem:
        """Return problem r with the present parameters of its replica."""
        problem = self._inner[r]
        for own, p in zip(problem.params, self.params, strict=True):
            own.copy_(p[r : r + 1])
        return problem


class StepCharged:
    """A problem whose budget counts optimizer steps, however many gradients each of them takes.

    The first closure call of a replica pays for all steps begun since it paid last: one, unless the
    optimizer knew a gradient without a call.
    """

    def __init__(self, problem: Problem) -> None:
        self._inner, self.params = problem, problem.params
        self._begun = 0
        self._paid = torch.zeros(self.params[0].shape[0], dtype=torch.int64)
        if hasattr(problem, "losses"):
            self.losses = cast(DifferentiableProblem, problem).losses

    def begin_step(self, k: int) -> None:
        self._begun = k + 1
        self._inner.begin_step(k)

    def charge(self, wanted: Tensor) -> Tensor:
        """Return what a call of the replicas `wanted` is charged, int64 [R]."""
        due = torch.where(wanted, self._begun - self._paid, 0)
        self._paid += due
        return due

    def closure(self, active: Tensor | None = None) -> Tensor:
        return self._inner.closure(active)

    def evaluate(self, split: Split) -> Mapping[str, Tensor]:
        return self._inner.evaluate(split)
