"""Counting gradient evaluations where they happen: in the closure and in passes through it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

import torch
from torch.autograd.graph import register_multi_grad_hook

from flowadam.task import DifferentiableProblem, Problem


class TimeLimitReached(Exception):
    """The run used up its wall time."""


class GradMeter:
    """Wraps a problem's closure and counts one gradient evaluation per replica and call.

    A Hessian-vector product counts as one more. The meter never stops a run at the budget:
    ``run_trial`` looks at `used` between optimizer steps. It does stop a run at its time limit, the
    only bound that cannot wait for a step's end.

    Args:
        problem: R stacked replicas. One with a method ``charge(wanted) -> int64 [R]`` says itself
            what a closure call of the replicas `wanted` costs of the budget.
        time_limit: seconds of wall time, or None.

    Attributes:
        used: int64 [R] on the CPU, what each replica was charged: gradient evaluations, unless the
            problem says otherwise.
        live: Bool[R] on the CPU; replicas that are not live are neither evaluated nor charged.
    """

    def __init__(self, problem: Problem, *, time_limit: float | None = None) -> None:
        replicas = problem.params[0].shape[0]
        self.used = torch.zeros(replicas, dtype=torch.int64)
        self.live = torch.ones(replicas, dtype=torch.bool)
        self._problem = problem
        self._charges = getattr(problem, "charge", None)
        self._free = torch.zeros(replicas, dtype=torch.int64)
        self._deadline = None if time_limit is None else time.monotonic() + time_limit

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        """Evaluate loss and gradient of the live replicas among `active`; return losses [R].

        Raises:
            TimeLimitReached: the time limit has passed.
        """
        self._check_time()
        wanted = self.live if active is None else self.live & active.cpu()
        self._book(wanted)
        return self._problem.closure(None if bool(wanted.all()) else wanted)

    @property
    def evaluated(self) -> torch.Tensor:
        """Gradient evaluations per replica, int64 [R], charged or not."""
        return self.used + self._free

    def differentiate(self, replica: int, leaves: Sequence[torch.Tensor]) -> torch.Tensor:
        """Put the gradients of one replica, with their graph, into ``leaf.grad``; return its loss.

        Charges one evaluation now, and one for each backward pass that later runs through the
        gradients: a Hessian-vector product. The caller drops ``leaf.grad`` when it is done, since
        gradient and graph keep each other alive.

        Args:
            leaves: tensors in the order of ``Problem.params``, without the leading axis. The
                problem has ``losses``.

        Raises:
            TimeLimitReached: the time limit has passed.
        """
        self._check_time()
        self._charge(replica)
        problem = cast(DifferentiableProblem, self._problem)
        with torch.enable_grad():
            (loss,) = problem.losses([leaf[None] for leaf in leaves], [replica])
            gradients = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
            # The zero gives a gradient that is constant a graph too, or none could be taken of it.
            gradients = [g + 0 * leaf for g, leaf in zip(gradients, leaves, strict=True)]
        register_multi_grad_hook(gradients, lambda _: self._charge(replica), mode="any")
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        return loss.detach()

    def at_points(
        self, replica: int, points: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return losses [k] and gradients [k, ...] of one replica at k points at once; charges k.

        Args:
            points: tensors [k, ...] in the order of ``Problem.params``. The problem has ``losses``.

        Raises:
            TimeLimitReached: the time limit has passed.
        """
        self._check_time()
        only = torch.zeros_like(self.live)
        only[replica] = True
        for _ in range(len(points[0])):
            self._book(only)
        problem = cast(DifferentiableProblem, self._problem)
        leaves = [point.detach().requires_grad_() for point in points]
        with torch.enable_grad():
            losses = problem.losses(leaves, [replica] * len(points[0]))
            gradients = torch.autograd.grad(losses.sum(), leaves, materialize_grads=True)
        return losses.detach(), list(gradients)

    def leave_out(self, seconds: float) -> None:
        """Move the time limit by time that was not the run's own: that of its probes."""
        if self._deadline is not None:
            self._deadline += seconds

    def _book(self, wanted: torch.Tensor) -> None:
        """Book one evaluation of the replicas `wanted`, charged unless the problem says not to."""
        charged = wanted.long() if self._charges is None else self._charges(wanted)
        self.used += charged
        self._free += wanted.long() - charged

    def _charge(self, replica: int) -> None:
        self.used[replica] += 1

    def _check_time(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise TimeLimitReached
