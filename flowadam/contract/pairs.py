"""The check of every optimizer on every task."""

from __future__ import annotations

import math

from flowadam.contract.result import require
from flowadam.spec import OptimizerSpec
from flowadam.task import Task
from flowadam.trial import run_trial

GRADIENTS = 3


def three_gradients(spec: OptimizerSpec, task: Task) -> None:
    """Three gradients from the defaults on the tiny task give complete, finite rows."""
    outcomes = run_trial(task.tiny(), spec, spec.defaults, [0, 1], GRADIENTS, phase="confirm")
    for outcome in outcomes:
        require(outcome.status == "ok", f"The run ended as {outcome.status}: {outcome.message}")
        scores = outcome.scores
        read = (scores.val_best, scores.val_final, scores.test_best, scores.test_final)
        require(
            all(value is not None and math.isfinite(value) for value in read),
            f"A score is missing or not finite: {scores}.",
        )
        cost = outcome.cost
        require(cost.grad_evals >= GRADIENTS, f"Only {cost.grad_evals} gradients were charged.")
        require(
            len(outcome.curve) >= 1 and all(math.isfinite(p.val) for p in outcome.curve),
            "The curve holds a value that is not finite.",
        )
