"""Checks of stacked runs: against single runs, and in every type."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from flowadam.contract.drive import BOTH_KINDS, SEEDS, require_equal, train, weights
from flowadam.contract.quadratic import QuadraticTask
from flowadam.contract.result import require
from flowadam.contract.working import working_values
from flowadam.spec import OptimizerSpec
from flowadam.task import Task
from flowadam.training import Training

STEPS = 40
NATIVE_RTOL = 1e-9
"""Norms over [R, ...] may be summed in another order than over [1, ...]; float64, 40 gradients."""

DTYPES = ("float64", "float32", "bfloat16")


def stacks_like_single_runs(spec: OptimizerSpec) -> None:
    """A stacked run equals its replicas run one by one.

    Each replica uses up the same budget: steps may cost one more than another. Bit for bit for
    ``elementwise`` and ``split``; to 1e-9 in float64 for ``native``.
    """
    rtol = NATIVE_RTOL if spec.stacking == "native" else 0.0
    for task in BOTH_KINDS:
        stacked = _ends(spec, task, SEEDS)
        singles = [_ends(spec, task, [seed]) for seed in SEEDS]
        together = [torch.cat(tensors) for tensors in zip(*singles, strict=True)]
        require_equal(stacked, together, "A stacked run must equal its replicas run alone", rtol)


def runs_in_every_dtype(spec: OptimizerSpec) -> None:
    """float64, float32 and bfloat16 parameters keep their type, stay finite and descend."""
    for dtype in DTYPES:
        training = train(spec, QuadraticTask(), 0, dtype=dtype)
        start = training.problem.evaluate("val")["loss"].clone()
        training.advance(STEPS)
        end = training.problem.evaluate("val")["loss"]
        kept = all(p.dtype == getattr(torch, dtype) for p in training.problem.params)
        require(kept, f"Parameters of type {dtype} changed their type.")
        require(bool((end < start).all()), f"The loss did not fall in {dtype}.")


def _ends(spec: OptimizerSpec, task: Task, seeds: Sequence[int]) -> list[torch.Tensor]:
    training = Training(task, spec, working_values(spec), seeds, STEPS, dtype="float64")
    training.advance()
    return weights(training)
