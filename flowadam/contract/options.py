"""Checks of how an optimizer takes its parameters: stacks, groups, schedulers, dtypes."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from flowadam.contract.drive import (
    BOTH_KINDS,
    SEEDS,
    optimizers,
    require_equal,
    train,
    weights,
    working_values,
)
from flowadam.contract.quadratic import QuadraticTask
from flowadam.contract.result import require
from flowadam.spec import OptimizerSpec
from flowadam.task import Problem

STEPS = 40
NATIVE_RTOL = 1e-9
"""Norms over [R, ...] may be summed in another order than over [1, ...]; float64, 40 gradients."""

DTYPES = ("float64", "float32", "bfloat16")


def stacks_like_single_runs(spec: OptimizerSpec) -> None:
    """A stacked run equals its replicas run one by one.

    Bit for bit for ``elementwise`` and ``split``; to 1e-9 in float64 for ``native``.
    """
    rtol = NATIVE_RTOL if spec.stacking == "native" else 0.0
    for task in BOTH_KINDS:
        stacked = weights(train(spec, task, STEPS))
        singles = [weights(train(spec, task, STEPS, seeds=[seed])) for seed in SEEDS]
        together = [torch.cat(tensors) for tensors in zip(*singles, strict=True)]
        require_equal(stacked, together, "A stacked run must equal its replicas run alone", rtol)


def splits_into_groups(spec: OptimizerSpec) -> None:
    """Two parameter groups with equal options are one group, bit for bit."""
    whole, parts = _problem(), _problem()
    one = _build(spec, whole, list(whole.params))
    two = _build(spec, parts, [{"params": [p]} for p in parts.params])
    _steps(one, whole)
    _steps(two, parts)
    rule = "Two groups with equal options must act like one"
    require_equal([p.detach() for p in parts.params], [p.detach() for p in whole.params], rule)


def reads_lr_per_group(spec: OptimizerSpec) -> None:
    """A group with a millionth of the learning rate moves at most a thousandth as far."""
    problem = _problem()
    fast, slow = problem.params
    optimizer = _build(spec, problem, [{"params": [fast]}, {"params": [slow]}])
    optimizer.param_groups[1]["lr"] *= 1e-6
    before = [p.detach().clone() for p in problem.params]
    _steps(optimizer, problem)
    moved = [
        float((p.detach() - b).abs().max()) for p, b in zip(problem.params, before, strict=True)
    ]
    require(moved[0] > 0, "The group with the full learning rate did not move.")
    require(
        moved[1] <= 1e-3 * moved[0],
        f"A group with a millionth of the learning rate moved {moved[1]:.2g} of {moved[0]:.2g}.",
    )


def follows_a_scheduler(spec: OptimizerSpec) -> None:
    """The learning rate is read at each step: half of it, doubled by a scheduler, is the same."""
    half = {"opt.lr": float(working_values(spec)["opt.lr"]) / 2}
    plain = train(spec, QuadraticTask(), 0)
    scheduled = train(spec, QuadraticTask(), 0, changes=half)
    schedulers = [LambdaLR(optimizer, lambda _: 2.0) for optimizer in optimizers(scheduled)]
    for evaluations in range(1, STEPS + 1):
        plain.advance(evaluations)
        scheduled.advance(evaluations)
        for scheduler in schedulers:
            scheduler.step()
    rule = "Half the learning rate, doubled by a scheduler, must act like the whole"
    require_equal(weights(scheduled), weights(plain), rule)


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


def _problem() -> Problem:
    return QuadraticTask().make([SEEDS[0]], dtype="float64")


def _build(spec: OptimizerSpec, problem: Problem, groups: list[Any]) -> Any:
    return spec.build(groups, working_values(spec), deterministic=True)


def _steps(optimizer: Any, problem: Problem) -> None:
    for k in range(STEPS):
        problem.begin_step(k)
        optimizer.step(problem.closure)
