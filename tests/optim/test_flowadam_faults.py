"""Failures: of the flow, of the closure, of the numbers. Nothing is left half done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from optim_problems import Quadratic, buffers, copies, equal, flowing, train
from torch import Tensor

from flowadam.optim import FlowAdam

METHODS = ["ladder", "dopri5"]


def snapshot(opt: FlowAdam) -> tuple[list[Tensor], list[Tensor], str]:
    """Return copies of parameters and state tensors, and the rest of the state as text."""
    params = [p for group in opt.param_groups for p in group["params"]]
    state = opt.state_dict()
    tensors = [v.clone() for own in state["state"].values() for v in buffers(own)]
    counters = [[own["step"] for own in state["state"].values()], state["records"]]
    return copies(params), tensors, repr(counters)


def assert_same(one: Any, other: Any) -> None:
    assert equal(one[0], other[0])
    assert equal(one[1], other[1])
    assert one[2] == other[2]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_failed_flow_is_an_adam_step_with_the_gradient_it_began_with(
    method: str, bad: float
) -> None:
    problem, opt = flowing(ode_method=method)
    twin = Quadratic()
    adam = FlowAdam(twin.params, lr=0.01)
    train(adam, twin.closure, 11)
    adam.param_groups[0].update(switch_sensitivity=0.0, curvature_sensitivity=float("inf"))
    start = copies(problem.params)

    def cliff() -> Tensor:
        loss = problem.closure()
        if not equal(copies(problem.params), start):
            assert problem.params[1].grad is not None
            problem.params[1].grad[0] = bad
        return loss

    opt.step(cliff)
    adam.step(twin.closure)
    assert equal(problem.params, twin.params)
    stats = opt.flow_stats()
    assert (stats["flow_steps"], stats["fallbacks"]) == (0, 1)
    assert 0 < stats["field_evals"] < 30


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("method", [*METHODS, "euler"])
def test_the_loss_has_no_say(method: str, deterministic: bool) -> None:
    """Processes that share gradients have losses of their own, and must do the same."""
    options: dict[str, Any] = {"ode_method": method, "deterministic": deterministic}
    twins = [flowing(**options) for _ in range(2)]
    calls = [0, 0]
    for i, (problem, opt) in enumerate(twins):

        def closure(problem: Quadratic = problem, i: int = i) -> Tensor:
            calls[i] += 1
            return problem.closure() * (float("nan") if i and calls[i] % 2 else 1.0)

        for _ in range(10):
            opt.step(closure)
    (one, first), (other, second) = twins
    assert calls[0] == calls[1]
    assert first.flow_stats() == second.flow_stats()
    assert first.flow_stats()["flow_steps"] > 0
    assert equal(one.params, other.params)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", [ValueError, AssertionError, KeyboardInterrupt])
@pytest.mark.parametrize("at_call", [1, 2, 3])
def test_a_closure_that_raises_leaves_everything_as_it_was(
    method: str, error: type[BaseException], at_call: int
) -> None:
    problem, opt = flowing(ode_method=method, ode_tol=1e-9, deterministic=True)
    before, calls = snapshot(opt), 0

    def closure() -> Tensor:
        nonlocal calls
        calls += 1
        if calls == at_call:
            raise error("on purpose")
        return problem.closure()

    with pytest.raises(error, match="on purpose"):
        opt.step(closure)
    assert_same(snapshot(opt), before)
    opt.step(problem.closure)
    twin, twin_opt = flowing(ode_method=method, ode_tol=1e-9, deterministic=True)
    twin_opt.step(twin.closure)
    assert equal(problem.params, twin.params)


def test_errors_of_the_second_step_keep_the_slopes_of_the_first() -> None:
    problem, opt = flowing(deterministic=True)
    opt.step(problem.closure)
    before = snapshot(opt)

    def closure() -> Tensor:
        raise ValueError

    with pytest.raises(ValueError):
        opt.step(closure)
    assert_same(snapshot(opt), before)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_step_without_a_finite_gradient_changes_nothing(bad: float) -> None:
    problem, opt = flowing()
    before = snapshot(opt)

    def closure() -> Tensor:
        loss = problem.closure()
        assert problem.params[0].grad is not None
        problem.params[0].grad[0, 0] = bad
        return loss * bad

    opt.step(closure)
    assert_same(snapshot(opt), before)


def test_a_step_without_gradients_changes_nothing() -> None:
    _, opt = flowing()
    before = snapshot(opt)

    def closure() -> float:
        opt.zero_grad()
        return 3.0

    assert opt.step(closure) == 3.0
    assert_same(snapshot(opt), before)


@pytest.mark.parametrize(
    ("closure", "message"),
    [(None, "needs a closure"), (lambda: None, "must return the loss, got None")],
)
def test_useless_closures_are_refused(closure: Callable[..., Any] | None, message: str) -> None:
    opt = FlowAdam([torch.zeros(2).requires_grad_()])
    with pytest.raises((RuntimeError, TypeError), match=message):
        opt.step(closure)


def test_sparse_gradients_are_refused() -> None:
    table = torch.nn.Embedding(4, 2, sparse=True)
    opt = FlowAdam(table.parameters())

    def closure() -> Tensor:
        loss = table(torch.tensor([1])).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="dense gradients"):
        opt.step(closure)
