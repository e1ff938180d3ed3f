"""Checkpoints and copies go on bit for bit and share nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from optim_problems import Factorization, Quadratic, buffers, equal, train

from flowadam.optim import FlowAdam

HALF, REST = 27, 33

CASES: dict[str, dict[str, Any]] = {
    "mode B": {},
    "deterministic": {"deterministic": True},
    "always": {"switch_sensitivity": 1e6, "deterministic": True},
    "solver": {"ode_method": "bosh3"},
}


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


TRIPS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "in memory": lambda state: state,
    "file": through_a_file,
    "copy": deepcopy,
}


def clone(problem: Any) -> Any:
    """Return the same kind of problem at the same point."""
    copy = deepcopy(problem)
    for p in copy.params:
        p.grad = None
    return copy


@pytest.mark.parametrize("trip", TRIPS)
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_restored_run_goes_on_bit_for_bit(case: str, stacked: bool, trip: str) -> None:
    options = {"lr": 0.02, "stacked": stacked, **CASES[case]}
    problem = Factorization([1, 2, 3]) if stacked else Quadratic()
    opt = FlowAdam(problem.params, **options)
    train(opt, problem.closure, HALF)
    other = clone(problem)
    restored = FlowAdam(other.params, **options)
    restored.load_state_dict(TRIPS[trip](opt.state_dict()))
    ends = train(opt, problem.closure, REST), train(restored, other.closure, REST)
    assert equal(problem.params, other.params)
    assert equal(*ends)
    assert str(opt.flow_stats()) == str(restored.flow_stats())
    assert str(problem.calls) == str(other.calls)


@pytest.mark.parametrize("case", CASES)
def test_a_deep_copy_goes_on_bit_for_bit(case: str) -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=0.02, **CASES[case])
    train(opt, problem.closure, HALF)
    other, copy = deepcopy((problem, opt))
    train(opt, problem.closure, REST)
    assert not equal(problem.params, other.params)
    train(copy, other.closure, REST)
    assert equal(problem.params, other.params)
    assert opt.flow_stats() == copy.flow_stats()
    assert opt.flow_stats()["flow_steps"]


def test_nothing_is_shared_after_loading() -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, switch_sensitivity=1e6, deterministic=True)
    train(opt, problem.closure, HALF)
    other = clone(problem)
    restored = FlowAdam(other.params)
    restored.load_state_dict(opt.state_dict())
    before = deepcopy(restored.state_dict())
    train(opt, problem.closure, REST)
    after = restored.state_dict()
    assert str(after) == str(before)
    assert restored.flow_stats()["steps"] == HALF


def test_keys_of_the_state_are_tensors_and_its_lists_do_not_grow() -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, switch_sensitivity=1e6, deterministic=True)
    sizes = []
    for _ in range(2):
        train(opt, problem.closure, 40)
        buffer = io.BytesIO()
        torch.save(opt.state_dict(), buffer)
        sizes.append(len(buffer.getvalue()))
    assert all(isinstance(key, torch.Tensor) for key in opt.state)
    assert sizes[0] == sizes[1]


def test_state_follows_the_parameters_type() -> None:
    problem, wide = Quadratic(torch.float32), Quadratic(torch.float64)
    opt = FlowAdam(problem.params, switch_sensitivity=1e6, deterministic=True)
    train(opt, problem.closure, 14)
    other = FlowAdam(wide.params)
    other.load_state_dict(opt.state_dict())
    tensors = buffers(other.state[wide.params[0]])
    assert len(tensors) == 5
    assert {t.dtype for t in tensors} == {torch.float64}
    train(other, wide.closure, 3)


@pytest.mark.parametrize("wrong", ["adam", "replicas"])
def test_foreign_states_are_refused(wrong: str) -> None:
    problem = Factorization([1, 2, 3])
    opt = FlowAdam(problem.params, stacked=True)
    if wrong == "adam":
        state = torch.optim.Adam(problem.params).state_dict()
    else:
        state = FlowAdam(problem.params).state_dict()
    with pytest.raises(ValueError, match="records of 3 replicas, got"):
        opt.load_state_dict(state)


SHAPES = [((4,), (2, 3)), ((3, 4), (4, 3)), ((2, 3), (6,)), ((4,), (1,)), ((1,), (3, 4))]


@pytest.mark.parametrize("detector", ["gradient_norm", "second_moment", "periodic", "never"])
@pytest.mark.parametrize(("saved", "own"), SHAPES)
def test_a_state_of_another_shape_is_refused(
    detector: str, saved: tuple[int, ...], own: tuple[int, ...]
) -> None:
    """Fused kernels would read beyond the shorter tensor."""
    before, after = (
        FlowAdam([torch.ones(2, requires_grad=True), torch.ones(shape, requires_grad=True)])
        for shape in (saved, own)
    )
    for opt in (before, after):
        for group in opt.param_groups:
            group["detector"] = detector
    params = before.param_groups[0]["params"]

    def closure() -> torch.Tensor:
        before.zero_grad()
        loss = sum((p.square().sum() for p in params), torch.zeros(()))
        loss.backward()
        return loss

    before.step(closure)
    with pytest.raises(ValueError, match=r"`exp_avg` of parameter 1 must be of its shape \["):
        after.load_state_dict(before.state_dict())
    assert not after.state
