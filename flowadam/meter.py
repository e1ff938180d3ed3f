"""Counting gradient evaluations where they happen: in the closure."""

from __future__ import annotations

import time

import torch

from flowadam.task import Problem


class TimeLimitReached(Exception):
    """The run used up its wall time."""


class GradMeter:
    """Wraps a problem's closure and counts one gradient evaluation per replica and call.

    The meter never stops a run at the budget: ``run_trial`` looks at `used` between optimizer
    steps. It does stop a run at its time limit, the only bound that cannot wait for a step's end.

    Args:
        problem: R stacked replicas.
        time_limit: seconds of wall time, or None.

    Attributes:
        used: int64 [R] on the CPU, gradient evaluations per replica.
        live: Bool[R] on the CPU; replicas that are not live are neither evaluated nor charged.
    """

    def __init__(self, problem: Problem, *, time_limit: float | None = None) -> None:
        replicas = problem.params[0].shape[0]
        self.used = torch.zeros(replicas, dtype=torch.int64)
        self.live = torch.ones(replicas, dtype=torch.bool)
        self._problem = problem
        self._deadline = None if time_limit is None else time.monotonic() + time_limit

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        """Evaluate loss and gradient of the live replicas among `active`; return losses [R].

        Raises:
            TimeLimitReached: the time limit has passed.
        """
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise TimeLimitReached
        wanted = self.live if active is None else self.live & active.cpu()
        self.used += wanted
        return self._problem.closure(None if bool(wanted.all()) else wanted)
