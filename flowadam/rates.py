"""The learning rate of a run under a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowadam.errors import InputError
from flowadam.schedule import Schedule
from flowadam.stacking import SplitOptimizer


class Rates:
    """Sets ``lr`` of every parameter group to its value at the start times the schedule's factor.

    Replicas of one stacked optimizer evaluate together, so those that are live have used the same;
    a split optimizer has a rate per replica.

    Args:
        budget: gradient evaluations of a run.

    Raises:
        InputError: a schedule is asked of an optimizer whose groups have no ``lr``.
    """

    def __init__(self, schedule: Schedule, optimizer: Any, budget: int) -> None:
        self._schedule, self._budget = schedule, budget
        split = isinstance(optimizer, SplitOptimizer)
        self._optimizers = optimizer.optimizers if split else [optimizer]
        if not schedule.is_constant:
            self._base = [_rates(one) for one in self._optimizers]

    def set(self, used: Sequence[int], live: Sequence[bool]) -> None:
        """Set the rates of the next step.

        Args:
            used, live: evaluations so far and whether it goes on, by replica.
        """
        if self._schedule.is_constant:
            return
        split = len(self._optimizers) == len(used)
        common = max(n for n, on in zip(used, live, strict=True) if on)
        for r, (optimizer, base) in enumerate(zip(self._optimizers, self._base, strict=True)):
            factor = self._schedule.factor(used[r] if split else common, self._budget)
            for group, rate in zip(optimizer.param_groups, base, strict=True):
                group["lr"] = rate * factor


def _rates(optimizer: Any) -> list[float]:
    groups = getattr(optimizer, "param_groups", [])
    if not groups or any("lr" not in group for group in groups):
        raise InputError(
            f"A schedule sets `lr` in param_groups, and {type(optimizer).__name__} has none there."
        )
    return [float(group["lr"]) for group in groups]
