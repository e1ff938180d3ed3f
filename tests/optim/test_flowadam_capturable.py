"""The step that decides on the device makes the run of the step on the host."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from capturable_tools import OPTIONS, Completion, Valley, contents, gap, made
from optim_problems import Quadratic, copies, train
from torch import Tensor
from torch.optim.lr_scheduler import ExponentialLR

from flowadam.optim import FlowAdam

LONG = ("mode B", "mode A", "preset p", "clipped", "difference", "second moment")


def assert_same_run(make: Callable[[], Any], steps: int = 300, **options: Any) -> FlowAdam:
    """Both ways decide alike, and part no further than rounding of the start drives two runs apart.

    A hundred times, because every step rounds a few numbers, and these are of another order.
    """
    host, device, moved = make(), make(), make()
    with torch.no_grad():
        for p in moved.params:
            p.mul_(1 + 2.0**-52)
    opts = [made(host, **options), made(device, capturable=True, **options), made(moved, **options)]
    for opt, problem in zip(opts, (host, device, moved), strict=True):
        train(opt, problem.closure, steps)
    by_host, by_masks, by_neighbor = opts
    assert str(by_masks.flow_stats()) == str(by_host.flow_stats())
    size = max(float(x.abs().max()) for x in contents(by_host))
    assert gap(by_host, by_masks) <= 100 * max(gap(by_host, by_neighbor), 2.0**-52 * size)
    return by_masks


@pytest.mark.parametrize("name", OPTIONS)
def test_a_stack_runs_as_on_the_host(name: str) -> None:
    steps = 300 if name in LONG else 60
    opt = assert_same_run(lambda: Completion(stacked=True), steps, **OPTIONS[name])
    assert bool((opt.flow_stats()["flow_steps"] > 0).all()) == (name != "never")


@pytest.mark.parametrize("problem", [lambda: Completion(stacked=False), Valley])
@pytest.mark.parametrize("name", ["mode A", "preset p"])
def test_ordinary_parameters_run_as_on_the_host(name: str, problem: Callable[[], Any]) -> None:
    stats = assert_same_run(problem, **OPTIONS[name]).flow_stats()
    assert 0 < stats["flow_steps"] < 289


def test_both_tests_of_the_detector_and_the_cap_are_at_work() -> None:
    """Otherwise equal counts above would be equal zeros."""
    clipped = assert_same_run(Valley, lr=0.01, mode="A", clip_value=5.0).flow_stats()
    names = ("plateau_triggers", "stiffness_triggers", "capped_injections", "clipped_share")
    assert all(clipped[name] > 0 for name in names), clipped


@pytest.mark.parametrize("tensor", [False, True])
def test_schedules_of_a_rate_that_is_a_tensor(tensor: bool) -> None:
    """The tensor is written in place; its run is that of a number, as far as float64 tells."""
    host, device = Completion(stacked=True), Completion(stacked=True)
    rate = torch.tensor(0.05, dtype=torch.float64) if tensor else 0.05
    opts = [made(host, lr=0.05), made(device, lr=rate, capturable=True)]
    for opt, problem in zip(opts, (host, device), strict=True):
        schedule = ExponentialLR(opt, 0.97)
        for _ in range(60):
            opt.step(problem.closure)
            schedule.step()
    assert not tensor or opts[1].param_groups[0]["lr"] is rate
    assert float(rate) < 0.05 or not tensor
    assert str(opts[0].flow_stats()) == str(opts[1].flow_stats())
    assert gap(*opts) < 1e-12


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("detector", ["gradient_norm", "second_moment", "periodic"])
def test_gradients_that_are_not_finite_change_nothing(detector: str, bad: float) -> None:
    """Nor at a replica's first step, after which it has neither momentum nor earlier gradient."""
    runs = []
    for capturable in (False, True):
        problem = Completion(stacked=True)
        opt = made(problem, detector=detector, capturable=capturable)
        for step in range(80):

            def closure(step: int = step, problem: Completion = problem) -> Tensor:
                loss = problem.closure()
                replica = {0: 1, 20: 0, 21: 0, 50: 2}.get(step)
                if replica is not None and problem.params[1].grad is not None:
                    problem.params[1].grad[replica, 0] = bad
                return loss

            before = contents(opt) if step == 21 else []
            opt.step(closure)
            for old, new in zip(before[:2], problem.params if before else [], strict=True):
                assert torch.equal(old[0], new[0])
                assert not torch.equal(old[1], new[1])
        runs.append(opt)
    assert str(runs[0].flow_stats()) == str(runs[1].flow_stats())
    assert runs[1].flow_stats()["steps"].tolist() == [78, 79, 79]
    assert gap(*runs) < 1e-12


def _grouped(*, capturable: bool, **more: Any) -> FlowAdam:
    """Make 100 steps; one of four groups has no gradient at first, one is frozen half-way."""
    like = Quadratic()
    late, frozen = torch.ones(3).requires_grad_(), torch.ones(2, 2).requires_grad_()
    groups: list[dict[str, Any]] = [
        {"params": like.params[:1], "lr": 0.01, "clip_value": 0.03, "betas": (0.8, 0.99)},
        {"params": like.params[1:], "ode_t_scale": 2.0, "momentum_blend_gamma": 1.0},
        {"params": [late], "eps": 1e-4},
        {"params": [frozen], "lr": 0.0},
    ]
    options = {"mode": "p", "curvature_sensitivity": 0.8, "ode_method": "euler"}
    opt = FlowAdam(groups, lr=0.02, capturable=capturable, **(options | more))
    step = 0

    def closure() -> Tensor:
        opt.zero_grad()
        loss = like.loss() + frozen.square().sum() + (late.cos().sum() if step > 20 else 0)
        loss.backward()
        return loss

    for step in range(100):
        frozen.requires_grad_(step < 40)
        opt.step(closure)
    return opt


def test_groups_and_late_gradients_run_as_on_the_host() -> None:
    host, device = _grouped(capturable=False), _grouped(capturable=True)
    assert host.flow_stats() == device.flow_stats()
    assert 0 < host.flow_stats()["clipped_share"] < 1
    counts = [[int(own["step"][0]) for own in opt.state.values()] for opt in (host, device)]
    assert counts[0] == counts[1]
    assert len(set(counts[0])) == 3
    assert gap(host, device) < 1e-5  # of float32 parameters


def test_a_tensor_that_adam_never_updated_has_no_momentum_to_replace() -> None:
    more = {"detector": "periodic", "rate": 1.0, "injection": "hard"}
    host, device = _grouped(capturable=False, **more), _grouped(capturable=True, **more)
    late = device.param_groups[2]["params"][0]
    assert not device.state[late]["exp_avg"].any()
    assert not torch.equal(late.detach(), torch.ones(3))
    assert host.flow_stats() == device.flow_stats()
    assert gap(host, device) < 1e-5


@pytest.mark.parametrize("method", [{}, {"clip_mode": "global_norm"}, {"velocity": "difference"}])
def test_dtypes_may_be_mixed_and_tensors_empty_or_strided(method: dict[str, Any]) -> None:
    ends = []
    for capturable in (False, True):
        params = [
            torch.ones(3, dtype=torch.float64),
            torch.ones(()),
            torch.ones(3, dtype=torch.bfloat16),
            torch.ones(3, dtype=torch.float16),
            torch.ones(0),
            torch.ones(2, 3).t(),
            torch.ones(1, 4, 3, 3).to(memory_format=torch.channels_last),
        ]
        params = [p.requires_grad_() for p in params]
        opt = FlowAdam(params, lr=0.01, ode_method="euler", capturable=capturable, **method)

        def closure(opt: FlowAdam = opt, params: list[Tensor] = params) -> Tensor:
            opt.zero_grad()
            loss = torch.stack([p.double().square().sum() for p in params]).sum()
            loss.backward()
            return loss

        train(opt, closure, 30)
        assert opt.flow_stats()["flow_steps"] > 0
        ends.append(copies(params))
    for a, b in zip(*ends, strict=True):
        # A norm over all tensors carries the rounding of the shortest type to the others.
        eps = torch.finfo(torch.bfloat16 if "clip_mode" in method else a.dtype).eps
        torch.testing.assert_close(a, b, rtol=10 * eps, atol=10 * eps)
