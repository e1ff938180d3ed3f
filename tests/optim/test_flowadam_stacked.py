"""Stacked replicas: each behaves as if it were alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from optim_problems import ALWAYS, Factorization, copies, equal, train
from torch import Tensor

from flowadam.optim import FlowAdam

SEEDS = [1, 2, 3, 4]
STEPS = 150

OPTIONS: dict[str, dict[str, Any]] = {
    "mode B": {"lr": 0.02},
    "deterministic": {"lr": 0.02, "deterministic": True},
    "mode A": {"lr": 0.05, "mode": "A", "eps_placement": "torch"},
    "clipped": {"lr": 0.02, "clip_value": 1e-3, "deterministic": True},
    "second rung": {"lr": 0.05, "ode_tol": 1e-6, "deterministic": True},
    "hard difference": {"lr": 0.02, "injection": "hard", "velocity": "difference"},
    "dopri5": {"lr": 0.02, "ode_method": "dopri5"},
}


def alone(seed: int, steps: int = STEPS, **options: Any) -> tuple[Factorization, FlowAdam]:
    problem = Factorization([seed], stacked=False)
    opt = FlowAdam(problem.params, **options)
    train(opt, problem.closure, steps)
    return problem, opt


@pytest.mark.parametrize("name", OPTIONS)
def test_a_stack_equals_its_replicas_run_one_by_one(name: str) -> None:
    """Bit for bit, with the same decisions and the same number of gradients."""
    options = OPTIONS[name]
    problem = Factorization(SEEDS)
    opt = FlowAdam(problem.params, stacked=True, **options)
    losses = torch.stack(train(opt, problem.closure, STEPS))
    stats = opt.flow_stats()
    assert stats["flow_steps"].sum() > 0
    assert name != "second rung" or stats["field_evals"].sum() > 2 * stats["flow_steps"].sum()
    for r, seed in enumerate(SEEDS):
        single, single_opt = alone(seed, **options)
        assert equal([p[r] for p in problem.params], single.params)
        assert {n: counts[r].item() for n, counts in stats.items()} == single_opt.flow_stats()
        assert problem.calls[r] == single.calls[0]
        assert losses.shape == (STEPS, len(SEEDS))


def test_replicas_decide_differently() -> None:
    """Otherwise the test above would not see decisions taken jointly."""
    problem = Factorization(SEEDS)
    opt = FlowAdam(problem.params, lr=0.05, mode="A", stacked=True)
    train(opt, problem.closure, STEPS)
    assert len(set(opt.flow_stats()["flow_steps"].tolist())) > 1


def test_extra_evaluations_are_asked_of_flowing_replicas_alone() -> None:
    problem = Factorization(SEEDS)
    opt = FlowAdam(problem.params, lr=0.05, mode="A", stacked=True)
    train(opt, problem.closure, STEPS)
    assert torch.equal(problem.calls, STEPS + opt.flow_stats()["field_evals"])


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_replica_that_turns_nan_disturbs_nobody(deterministic: bool) -> None:
    options = {"lr": 0.02, "deterministic": deterministic}
    problem, step = Factorization(SEEDS), 0

    def closure(active: Tensor | None = None) -> Tensor:
        losses = problem.closure(active)
        if step >= 40:
            losses[1] = torch.nan
            for p in problem.params:
                assert p.grad is not None
                p.grad[1] = torch.nan
        return losses

    opt = FlowAdam(problem.params, stacked=True, **options)
    for step in range(STEPS):  # noqa: B007 (read by the closure)
        opt.step(closure)
    for r in (0, 2, 3):
        assert equal([p[r] for p in problem.params], alone(SEEDS[r], **options)[0].params)
    assert all(torch.isfinite(p).all() for p in problem.params)
    assert all(torch.isfinite(opt.state[p]["exp_avg"]).all() for p in problem.params)


@pytest.mark.parametrize("deterministic", [False, True])
def test_slices_put_back_between_steps_disturb_nobody(deterministic: bool) -> None:
    """A harness freezes replica 2 after 30 steps by undoing its moves; the others keep slopes."""
    options = {"lr": 0.02, "deterministic": deterministic}
    problem = Factorization(SEEDS)
    opt = FlowAdam(problem.params, stacked=True, **options)
    train(opt, problem.closure, 30)
    frozen = [p[2].clone() for p in copies(problem.params)]
    for _ in range(STEPS - 30):
        opt.step(problem.closure)
        with torch.no_grad():
            for p, value in zip(problem.params, frozen, strict=True):
                p[2] = value
    for r in (0, 1, 3):
        single = alone(SEEDS[r], **options)[0]
        assert equal([p[r] for p in problem.params], single.params)
        assert problem.calls[r] == single.calls[0]


def test_closures_that_reuse_their_buffers_are_safe() -> None:
    """p.grad points at the same memory in every call, so field evaluations overwrite it."""
    fresh, reused = Factorization(SEEDS), Factorization(SEEDS)
    buffers = [torch.zeros_like(p) for p in copies(reused.params)]
    losses = torch.zeros(len(SEEDS), dtype=torch.float64)

    def closure(active: Tensor | None = None) -> Tensor:
        losses.copy_(reused.closure(active).detach())
        for p, buffer in zip(reused.params, buffers, strict=True):
            assert p.grad is not None
            p.grad = buffer.copy_(p.grad)
        return losses

    seen, left = [], []
    for problem, call in ((fresh, fresh.closure), (reused, closure)):
        opt = FlowAdam(problem.params, lr=0.02, stacked=True, deterministic=True)
        for _ in range(STEPS):
            seen.append(opt.step(call).clone())
            left += [p.grad.clone() for p in problem.params if p.grad is not None]
    assert equal(fresh.params, reused.params)
    assert equal(seen[:STEPS], seen[STEPS:])
    assert equal(left[: 2 * STEPS], left[2 * STEPS :])


@pytest.mark.parametrize("shapes", [[(3, 2), (4,)], [()], [(3,), ()], [(0, 2)]])
def test_stacks_must_share_their_leading_axis(shapes: list[tuple[int, ...]]) -> None:
    params = [torch.zeros(shape).requires_grad_() for shape in shapes]
    with pytest.raises(ValueError, match="share a leading axis of at least one replica, got"):
        FlowAdam(params, stacked=True)


def test_a_stacked_closure_must_return_one_loss_per_replica() -> None:
    problem = Factorization(SEEDS)
    opt = FlowAdam(problem.params, stacked=True)
    with pytest.raises(ValueError, match=r"shape \(4,\), got \(\)"):
        opt.step(lambda active=None: problem.closure(active).sum())


def test_gradients_of_the_first_evaluation_remain_for_every_replica() -> None:
    problem = Factorization(SEEDS)
    opt = FlowAdam(problem.params, lr=0.02, stacked=True, deterministic=True, **ALWAYS)
    train(opt, problem.closure, 13)
    with torch.no_grad():
        problem.params[0][1] += 0.1  # this replica has lost its slope, the others keep theirs
    start = Factorization(SEEDS)
    with torch.no_grad():
        for p, q in zip(start.params, problem.params, strict=True):
            p.copy_(q)
    start.closure()
    calls = problem.calls.clone()
    opt.step(problem.closure)
    assert (problem.calls - calls).tolist() == [1, 2, 1, 1]
    for p, q in zip(problem.params, start.params, strict=True):
        assert p.grad is not None and q.grad is not None
        assert torch.equal(p.grad, q.grad)
