"""Slopes kept at the end of flow steps: free gradients under a deterministic closure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from optim_problems import ALWAYS, WARM_UP, Quadratic, copies, equal, train
from torch import Tensor

from flowadam.optim import FlowAdam

STEPS = 60


def test_trajectory_is_that_of_the_careful_setting_at_one_gradient_a_step() -> None:
    runs = []
    for deterministic in (False, True):
        problem = Quadratic()
        opt = FlowAdam(problem.params, lr=0.01, deterministic=deterministic, **ALWAYS)
        losses = train(opt, problem.closure, STEPS)
        runs.append((problem, losses))
    (careful, slow), (quick, fast) = runs
    assert equal(careful.params, quick.params)
    assert equal(slow, fast)
    assert careful.calls == STEPS + (STEPS - WARM_UP)
    assert quick.calls == STEPS + 1  # the last slope waits for the next step


def test_python_losses_stay_python_floats() -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=0.01, deterministic=True, **ALWAYS)
    losses = train(opt, lambda: problem.closure().item(), 14)
    assert {type(loss) for loss in losses} == {float}
    careful = Quadratic()
    other = FlowAdam(careful.params, lr=0.01, **ALWAYS)
    assert losses == [float(loss) for loss in train(other, careful.closure, 14)]


def _in_place(problem: Quadratic) -> None:
    with torch.no_grad():
        problem.params[0][0, 0] += 1e-3


def _behind_autograd(problem: Quadratic) -> None:
    problem.params[1].data[2] -= 1e-3


def _new_storage(problem: Quadratic) -> None:
    problem.params[1].data = problem.params[1].data + 1e-3


def _freeze(problem: Quadratic) -> None:
    problem.params[0].requires_grad_(False)


@pytest.mark.parametrize("change", [_in_place, _behind_autograd, _new_storage, _freeze])
def test_changed_parameters_lose_their_slope(change: Callable[[Quadratic], None]) -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=0.01, deterministic=True, **ALWAYS)
    train(opt, problem.closure, 13)
    change(problem)
    trainable = [p for p in problem.params if p.requires_grad]
    expected = list(torch.autograd.grad(problem.loss(), trainable))
    calls = problem.calls
    opt.step(problem.closure)
    assert problem.calls == calls + 2
    assert equal([p.grad for p in trainable if p.grad is not None], expected)


def test_rewriting_equal_values_keeps_the_slope() -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=0.01, deterministic=True, **ALWAYS)
    train(opt, problem.closure, 13)
    with torch.no_grad():
        for p in problem.params:
            p.copy_(p.clone())
    calls = problem.calls
    opt.step(problem.closure)
    assert problem.calls == calls + 1


def test_clearing_gradients_in_place_between_steps_is_harmless() -> None:
    runs = []
    for clear in (False, True):
        problem = Quadratic()
        opt = FlowAdam(problem.params, lr=0.01, deterministic=True, **ALWAYS)
        for _ in range(STEPS):
            opt.step(problem.closure)
            if clear:
                opt.zero_grad(set_to_none=False)
        runs.append(problem.params)
    assert equal(*runs)


def test_a_new_group_ends_the_use_of_old_slopes() -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params[:1], lr=0.01, deterministic=True, **ALWAYS)
    train(opt, problem.closure, 13)
    opt.add_param_group({"params": problem.params[1:]})
    before = problem.params[1].detach().clone()
    opt.step(problem.closure)
    assert not torch.equal(problem.params[1].detach(), before)


class Buffered(Quadratic):
    """Writes gradients into `count` sets of buffers in turn."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.sets = [[torch.zeros_like(p) for p in self.params] for _ in range(count)]

    def closure(self) -> Tensor:
        self.calls += 1
        buffers = self.sets[self.calls % len(self.sets)]
        for p, buffer, gradient in zip(self.params, buffers, self.gradients(), strict=True):
            p.grad = buffer.copy_(gradient)
        return self.loss().detach()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_slopes_outlive_the_buffers_of_the_closure(count: int) -> None:
    problem, twin = Buffered(count), Quadratic()
    opt = FlowAdam(problem.params, lr=0.01, deterministic=True, **ALWAYS)
    other = FlowAdam(twin.params, lr=0.01, deterministic=True, **ALWAYS)
    train(opt, problem.closure, 30)
    train(other, twin.closure, 30)
    assert equal(problem.params, copies(twin.params))
    assert problem.calls == twin.calls == 31


def test_a_slope_that_was_written_to_is_evaluated_again() -> None:
    problem, twin = Buffered(2), Quadratic()
    opt = FlowAdam(problem.params, lr=0.01, deterministic=True, **ALWAYS)
    other = FlowAdam(twin.params, lr=0.01, **ALWAYS)
    for _ in range(20):
        opt.step(problem.closure)
        for buffers in problem.sets:
            for buffer in buffers:
                buffer.fill_(1e3)
        other.step(twin.closure)
    assert equal(problem.params, copies(twin.params))
    assert problem.calls == twin.calls == 29
