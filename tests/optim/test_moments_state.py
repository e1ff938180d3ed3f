"""Checkpoints of VRAdam, InvAdam and DualAdam."""

from __future__ import annotations

import io
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from moments_tools import CLASSES, EVERY, copies, equal, run, set_gradients, tensors, tensors_in
from torch import Tensor
from torch.optim import Optimizer

END = 25


def through_a_file(state: Any) -> Any:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


WAYS: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda state: state,
    "a deep copy": deepcopy,
    "a file": through_a_file,
}


def two_groups(name: str, params: list[Tensor]) -> Optimizer:
    return EVERY[name]([{"params": params[:1]}, {"params": params[1:], "lr": 0.02}])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=8, deadline=None)
@given(cut=st.integers(0, END))
def test_a_restored_run_goes_on_bit_for_bit(name: str, way: str, cut: int) -> None:
    params = tensors()
    first = two_groups(name, params)
    run(first, params, range(cut))
    state = WAYS[way](first.state_dict())
    restored = [p.detach().clone().requires_grad_() for p in params]
    second = two_groups(name, restored)
    second.load_state_dict(state)
    for optimizer, own in ((first, params), (second, restored)):
        run(optimizer, own, range(cut, END))
    assert equal(params, restored)
    assert equal(tensors_in(first.state_dict()), tensors_in(second.state_dict()))


@pytest.mark.parametrize("name", EVERY)
def test_a_deep_copy_of_parameters_and_optimizer_goes_on(name: str) -> None:
    params = tensors()
    optimizer = two_groups(name, params)
    run(optimizer, params, range(5))
    other_params, other = deepcopy((params, optimizer))
    for chosen, own in ((optimizer, params), (other, other_params)):
        run(chosen, own, range(5, END))
    assert equal(params, other_params)


@pytest.mark.parametrize("name", EVERY)
def test_the_state_is_plain(name: str) -> None:
    """Ints and tensors of the parameter's kind, without a graph, in torch's two entries."""
    params = tensors(dtype=torch.float32)
    optimizer = EVERY[name](params)
    for _ in range(3):
        loss = torch.stack([p.pow(4).sum() for p in params]).sum()
        for p, gradient in zip(
            params, torch.autograd.grad(loss, params, create_graph=True), strict=True
        ):
            p.grad = gradient
        optimizer.step()
    state = optimizer.state_dict()
    assert set(state) == {"state", "param_groups"}
    for p, entry in zip(params, state["state"].values(), strict=True):
        assert set(entry) == {"step", "exp_avg", "exp_avg_sq"}
        assert type(entry["step"]) is int and entry["step"] == 3
        for tensor in (entry["exp_avg"], entry["exp_avg_sq"]):
            assert tensor.shape == p.shape and tensor.dtype is torch.float32
            assert tensor.is_leaf and not tensor.requires_grad
    assert all(p.is_leaf for p in params)


@pytest.mark.parametrize("name", EVERY)
def test_a_float32_state_serves_bfloat16_parameters(name: str) -> None:
    """As torch does it: moments take the type of the parameters, counters do not."""
    wide, narrow = tensors(dtype=torch.float32), tensors(dtype=torch.bfloat16)
    first, second = EVERY[name](wide, lr=0.5), EVERY[name](narrow, lr=0.5)
    run(first, wide, range(5))
    second.load_state_dict(first.state_dict())
    for p in narrow:
        entry = second.state[p]
        assert entry["exp_avg"].dtype is torch.bfloat16 and entry["step"] == 5
    before = copies(narrow)
    run(second, narrow, range(5, 8))
    assert not equal(narrow, before) and all(p.isfinite().all() for p in narrow)


@pytest.mark.parametrize("other", CLASSES)
@pytest.mark.parametrize("name", CLASSES)
def test_the_state_of_another_optimizer_is_refused(name: str, other: str) -> None:
    """DualAdam's and VRAdam's groups hold all that InvAdam needs."""
    params = tensors()
    state = CLASSES[other](params).state_dict()
    optimizer = CLASSES[name](params)
    if name in (other, "InvAdam"):
        optimizer.load_state_dict(state)
        return
    with pytest.raises(ValueError, match=f"must be one of {name}, got one without `"):
        optimizer.load_state_dict(state)


@pytest.mark.parametrize("name", EVERY)
def test_a_group_added_in_mid_run_is_trained(name: str) -> None:
    params = tensors()
    optimizer = EVERY[name](params[:2], lr=0.01)
    run(optimizer, params[:2], range(4))
    optimizer.add_param_group({"params": params[2:], "lr": 0.5})
    before = copies(params)
    set_gradients(params, 4)
    optimizer.step()
    moved = [(p - old).abs().max() for p, old in zip(params, before, strict=True)]
    assert all(distance > 0 for distance in moved)
    assert optimizer.param_groups[1]["lr"] == 0.5


@pytest.mark.parametrize("name", EVERY)
def test_a_state_of_another_shape_is_refused(name: str) -> None:
    saved, own = torch.ones(4, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    before, after = EVERY[name]([saved]), EVERY[name]([own])
    saved.grad = torch.ones(4)
    before.step()
    with pytest.raises(ValueError, match=r"`exp_avg` of parameter 0 must be of its shape \[2, 3\]"):
        after.load_state_dict(before.state_dict())
