"""Checks of the closure: gradient against differences, penalty, active replicas."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from flowadam.contract.drive import SEEDS
from flowadam.contract.result import require
from flowadam.spec import OptimizerSpec
from flowadam.task import DifferentiableProblem, Problem, Task

DIRECTIONS = 5
STEP = 1e-5
RTOL, ATOL = 1e-5, 1e-9
PENALTY = 0.01


def gradient_matches_differences(task: Task, adam: OptimizerSpec) -> None:
    """In float64, ``g . d`` equals the central difference along random directions d.

    ``[L(theta + h d) - L(theta - h d)] / 2h`` with h = 1e-5, with and without a penalty; its own
    error is of order h^2, far below the tolerance of 1e-5.
    """
    for penalty in (0.0, PENALTY):
        problem = _problem(task, penalty)
        problem.closure()
        gradients = _gradients(problem)
        generator = torch.Generator().manual_seed(0)
        for _ in range(DIRECTIONS):
            directions = [_random_like(p, generator) for p in problem.params]
            expected = _difference(problem, directions)
            found = _dot(gradients, directions)
            require(
                torch.allclose(found, expected, rtol=RTOL, atol=ATOL),
                f"The gradient along a direction is {found.tolist()}, differences give "
                f"{expected.tolist()} (penalty {penalty}).",
            )


def penalty_is_the_sum_of_squares(task: Task, adam: OptimizerSpec) -> None:
    """A penalty w adds ``w sum theta^2`` to the loss and ``2 w theta`` to the gradient."""
    plain, penalized = _problem(task, 0.0), _problem(task, PENALTY)
    added = penalized.closure() - plain.closure()
    squares = torch.stack([p.detach().square().flatten(1).sum(1) for p in plain.params]).sum(0)
    require(
        torch.allclose(added, PENALTY * squares, rtol=1e-9, atol=1e-12),
        f"A penalty of {PENALTY} must add {(PENALTY * squares).tolist()}, got {added.tolist()}.",
    )
    rows = zip(_gradients(penalized), _gradients(plain), plain.params, strict=True)
    for with_, without, p in rows:
        close = torch.allclose(with_ - without, 2 * PENALTY * p.detach(), rtol=1e-9, atol=1e-12)
        require(close, "The gradient of the penalty must be 2 w theta.")


def differentiates_its_losses(task: Task, adam: OptimizerSpec) -> None:
    """``losses`` and their gradients are the closure's, for all replicas and for some.

    A problem without ``losses`` passes: optimizers and probes that need them refuse it.
    """
    problem = _problem(task, PENALTY)
    if not isinstance(problem, DifferentiableProblem):
        return
    expected = problem.closure().clone()
    gradients = _gradients(problem)
    for rows in ([0, 1, 2], [2, 0]):
        leaves = [p.detach()[rows].clone().requires_grad_() for p in problem.params]
        losses = problem.losses(leaves, rows)
        found = torch.autograd.grad(losses.sum(), leaves, create_graph=True)
        require(
            torch.allclose(losses, expected[rows], rtol=1e-9, atol=1e-12),
            f"`losses` of replicas {rows} are {losses.tolist()}, the closure gives "
            f"{expected[rows].tolist()}.",
        )
        for ours, theirs in zip(found, gradients, strict=True):
            close = torch.allclose(ours, theirs[rows], rtol=1e-8, atol=1e-11)
            require(close, f"The gradient of `losses` of replicas {rows} is not the closure's.")


def honors_active_replicas(task: Task, adam: OptimizerSpec) -> None:
    """Losses and gradients of active replicas do not depend on which others are active."""
    problem = _problem(task, PENALTY)
    losses = problem.closure().clone()
    gradients = _gradients(problem)
    active = torch.tensor([True, False, True])
    with torch.no_grad():
        for p in problem.params:
            p[1] = torch.nan
    some = problem.closure(active)
    require(torch.equal(some[active], losses[active]), "An inactive replica changed a loss.")
    for now, before in zip(_gradients(problem), gradients, strict=True):
        require(torch.equal(now[active], before[active]), "An inactive replica changed a gradient.")
    require(
        problem.closure(torch.zeros(3, dtype=torch.bool)).shape == losses.shape,
        "The closure must accept that no replica is active.",
    )


def skips_inactive_replicas(task: Task, adam: OptimizerSpec) -> None:
    """One active replica of three costs fewer matrix operations than three.

    Counted by torch's FlopCounterMode, which sees matrix products only; a closure without any
    passes.
    """
    problem = _problem(task, 0.0)
    everything = _flops(problem, None)
    one = _flops(problem, torch.tensor([False, True, False]))
    require(
        everything == 0 or one < everything,
        f"One of three replicas costs {one} operations, three cost {everything}.",
    )


def _problem(task: Task, penalty: float) -> Problem:
    problem = task.tiny().make(SEEDS, penalty=penalty, dtype="float64")
    problem.begin_step(0)
    return problem


def _flops(problem: Problem, active: torch.Tensor | None) -> int:
    with FlopCounterMode(display=False) as counter:
        problem.closure(active)
    return counter.get_total_flops()


def _gradients(problem: Problem) -> list[torch.Tensor]:
    return [p.grad.detach().clone() for p in problem.params if p.grad is not None]


def _random_like(p: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p.device)


def _dot(left: Sequence[torch.Tensor], right: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the inner product of each replica, [R]."""
    terms = [(a * b).flatten(1).sum(1) for a, b in zip(left, right, strict=True)]
    return torch.stack(terms).sum(0)


@torch.no_grad()
def _difference(problem: Problem, directions: Sequence[torch.Tensor]) -> torch.Tensor:
    losses = []
    for shift in (STEP, -2 * STEP):
        for p, d in zip(problem.params, directions, strict=True):
            p += shift * d
        with torch.enable_grad():
            losses.append(problem.closure().detach().clone())
    for p, d in zip(problem.params, directions, strict=True):
        p += STEP * d
    return (losses[0] - losses[1]) / (2 * STEP)
