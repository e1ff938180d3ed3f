"""Muon and AdamW in one: each tensor's own optimizer, and one torch Optimizer to everybody else."""

from __future__ import annotations

import io
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from search_spaces.muon import muon

SHAPES = ((3, 4), (5,), (4, 2), (), (2, 3, 2))
OPTIONS = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
STEPS = 12


def _tensors(shapes: Sequence[tuple[int, ...]] = SHAPES) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    return [draw.requires_grad_() for draw in draws]


def _step(optimizers: Sequence[Any], params: Sequence[Tensor], k: int) -> None:
    for i, p in enumerate(params):
        p.grad = (p.detach() - i - k % 3).sin()
    for optimizer in optimizers:
        optimizer.step()


def _by_torch(params: Sequence[Tensor]) -> list[torch.optim.Optimizer]:
    matrices = [p for p in params if p.ndim == 2]
    others = [p for p in params if p.ndim != 2]
    return [
        torch.optim.Muon(matrices, **OPTIONS, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=0.02, betas=(0.9, 0.95), weight_decay=0.1, foreach=True),
    ]


def _equal(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_each_tensor_has_its_own_optimizer() -> None:
    ours, theirs = _tensors(), _tensors()
    one, two = muon(ours, **OPTIONS), _by_torch(theirs)
    schedulers = [CosineAnnealingLR(optimizer, STEPS) for optimizer in (one, *two)]
    for k in range(STEPS):
        _step([one], ours, k)
        _step(two, theirs, k)
        for scheduler in schedulers:
            scheduler.step()
    assert not _equal(ours, _tensors())
    assert _equal(ours, theirs)


def test_groups_are_the_users() -> None:
    """Groups are kept as they were given, matrices and others together, and so is their order."""
    a, b, c, d, e = _tensors()
    optimizer = muon([{"params": [b, a]}, {"params": [c], "lr": 0.0}], **OPTIONS)
    optimizer.add_param_group({"params": [d, e], "weight_decay": 0.0})
    assert [group["params"] for group in optimizer.param_groups] == [[b, a], [c], [d, e]]
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.0, 0.02]
    _step([optimizer], [a, b, c, d, e], 0)
    moved = [not torch.equal(p, q) for p, q in zip([a, b, c, d, e], _tensors(), strict=True)]
    assert moved == [True, True, False, True, True]


@pytest.mark.parametrize("way", ["state_dict", "file", "deepcopy"])
def test_a_copy_goes_on_bit_for_bit(way: str) -> None:
    params = _tensors()
    optimizer = muon(params, **OPTIONS)
    for k in range(STEPS):
        _step([optimizer], params, k)
    copied, other = _copy(way, params, optimizer)
    for k in range(STEPS):
        _step([optimizer], params, k)
        _step([other], copied, k)
    assert _equal(copied, params)


def _copy(way: str, params: list[Tensor], optimizer: Any) -> tuple[list[Tensor], Any]:
    if way == "deepcopy":
        return deepcopy((params, optimizer))
    fresh = [p.detach().clone().requires_grad_() for p in params]
    other, state = muon(fresh), deepcopy(optimizer.state_dict())
    if way == "file":
        buffer = io.BytesIO()
        torch.save(state, buffer)
        buffer.seek(0)
        state = torch.load(buffer, weights_only=True)
    other.load_state_dict(state)
    return fresh, other


@pytest.mark.parametrize("shapes", [((3, 4),), ((5,), ())])
def test_one_kind_alone(shapes: Sequence[tuple[int, ...]]) -> None:
    params = _tensors(shapes)
    optimizer = muon(params, **OPTIONS)
    _step([optimizer], params, 0)
    assert not any(torch.equal(p, q) for p, q in zip(params, _tensors(shapes), strict=True))


def test_the_closure_runs_once_and_with_gradients_on() -> None:
    params, calls = _tensors(), []

    def closure() -> Tensor:
        calls.append(torch.is_grad_enabled())
        loss = torch.stack([p.square().sum() for p in params]).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        loss = muon(params, **OPTIONS).step(closure)
    assert calls == [True]
    assert loss.item() > 0
