"""The curve of a stacked run: validation at fixed fractions of the budget, best weights kept."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import torch

from flowadam.outcome import CurvePoint
from flowadam.task import Problem

MARKS = 40


class CurveRecorder:
    """Records, per replica, one point for each of 40 equal fractions of the budget.

    A mark is answered by the first state at or after it that lies within the budget. The last
    point is the last state with ``used <= budget``: a step that overshoots is not recorded.

    Attributes:
        points: R lists of curve points, the start included.
        best: copies of the parameters at each replica's lowest validation metric.
    """

    def __init__(self, problem: Problem, metric: str, budget: int) -> None:
        self._problem, self._metric, self._budget = problem, metric, budget
        replicas = problem.params[0].shape[0]
        self.points: list[list[CurvePoint]] = [[] for _ in range(replicas)]
        self.best = [p.detach().clone() for p in problem.params]
        self._best_val = [math.inf] * replicas

    def due(self, used: int, replica: int, *, last: bool) -> bool:
        """Say whether `used` answers a mark that the replica's last point does not.

        The last state of a run is due even between marks.
        """
        reached = self.points[replica][-1].grad_evals
        return self._mark(used) > self._mark(reached) or (last and used > reached)

    def record(
        self,
        replicas: list[int],
        used: list[int],
        steps: list[int],
        losses: torch.Tensor,
        seconds: float = 0.0,
    ) -> None:
        """Evaluate the validation metric now and add a point to each of `replicas`.

        Args:
            seconds: time in optimizer steps so far, per replica.
        """
        if not replicas:
            return
        vals = self._problem.evaluate("val")[self._metric].tolist()
        for r in replicas:
            fraction = min(self._mark(used[r]) / MARKS, 1.0)
            point = CurvePoint(fraction, used[r], steps[r], float(losses[r]), vals[r], seconds)
            self.points[r].append(point)
            if vals[r] < self._best_val[r]:
                self._best_val[r] = vals[r]
                for kept, p in zip(self.best, self._problem.params, strict=True):
                    kept[r] = p.detach()[r]

    def best_val(self, replica: int) -> float | None:
        """Return the lowest finite validation metric, or None when there was none."""
        value = self._best_val[replica]
        return value if math.isfinite(value) else None

    def final_val(self, replica: int) -> float | None:
        """Return the validation metric of the last point when it is finite."""
        points = self.points[replica]
        return points[-1].val if points and math.isfinite(points[-1].val) else None

    def state_dict(self) -> dict[str, Any]:
        """Return points and best weights as tensors and plain values."""
        return {
            "points": [[astuple(point) for point in points] for points in self.points],
            "best": [p.clone() for p in self.best],
            "best_val": list(self._best_val),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.points = [[CurvePoint(*point) for point in points] for points in state["points"]]
        for kept, saved in zip(self.best, state["best"], strict=True):
            kept.copy_(saved)
        self._best_val = list(state["best_val"])

    def _mark(self, used: int) -> int:
        return used * MARKS // self._budget
