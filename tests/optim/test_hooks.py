"""torch's step hooks and profiler label, which the light wrapper of `step` must not lose."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from optim_problems import Quadratic, copies, equal, train
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.profiler import ProfilerActivity, profile

from flowadam.optim import FlowAdam


def made() -> tuple[Quadratic, FlowAdam]:
    problem = Quadratic()
    return problem, FlowAdam(problem.params, lr=0.02)


def test_hooks_of_the_optimizer_run_around_each_step_until_they_are_removed() -> None:
    problem, opt = made()
    seen: list[str] = []
    before = opt.register_step_pre_hook(lambda *_: seen.append("before"))
    after = opt.register_step_post_hook(lambda *_: seen.append("after"))
    train(opt, problem.closure, 2)
    before.remove()
    train(opt, problem.closure, 1)
    after.remove()
    train(opt, problem.closure, 1)
    assert seen == ["before", "after", "before", "after", "after"]


@pytest.mark.parametrize(
    "register", [register_optimizer_step_pre_hook, register_optimizer_step_post_hook]
)
def test_hooks_of_all_optimizers_run(register: Any) -> None:
    problem, opt = made()
    seen: list[Optimizer] = []
    handle = register(lambda optimizer, *_: seen.append(optimizer))
    train(opt, problem.closure, 2)
    handle.remove()
    train(opt, problem.closure, 1)
    assert seen == [opt, opt]


def test_a_hook_may_replace_the_arguments() -> None:
    problem, opt = made()
    calls: list[int] = []

    def closure() -> Any:
        calls.append(1)
        return problem.closure()

    opt.register_step_pre_hook(lambda _, args, kwargs: ((args[0], closure), kwargs))
    train(opt, problem.closure, 3)
    assert len(calls) == 3


def test_a_profiler_sees_the_step_by_torchs_label() -> None:
    problem, opt = made()
    with profile(activities=[ProfilerActivity.CPU]) as watch:
        train(opt, problem.closure, 3)
    found = {event.key: event.count for event in watch.key_averages()}
    assert found["Optimizer.step#FlowAdam.step"] == 3


def test_steps_are_the_same_with_and_without_hooks() -> None:
    (plain, one), (watched, other) = made(), made()
    other.register_step_post_hook(lambda *_: None)
    train(one, plain.closure, 40)
    train(other, watched.closure, 40)
    assert one.flow_stats()["flow_steps"] > 0
    assert equal(copies(plain.params), copies(watched.params))
    assert torch.is_grad_enabled()
