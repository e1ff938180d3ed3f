"""Stacked replicas of VRAdam: each behaves as if it were alone, bit for bit."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from moments_tools import copies, equal, tensors
from torch import Tensor

from flowadam.optim import VRAdam

REPLICAS, STEPS = 4, 25
SHAPES = [(7, 5), (13,), (), (3, 0), (2, 3, 2)]
WIDE, SINGLE, NARROW = torch.float64, torch.float32, torch.bfloat16
DTYPES = {
    "float64": [WIDE] * 5,
    "float32": [SINGLE] * 5,
    "bfloat16": [NARROW] * 5,
    "mixed": [SINGLE, WIDE, NARROW, SINGLE, NARROW],
}

OPTIONS: dict[str, dict[str, Any]] = {
    "global": {},
    "group": {"scope": "group"},
    "gradient": {"norm_of": "gradient", "beta3": 1e-3},
    "cubic": {"power": 3.0, "beta3": 1e-3},
    "decay": {"weight_decay": 0.3, "lr_cutoff": math.inf},
    "no brake": {"beta3": 0.0},
}


def stack(kind: str) -> list[Tensor]:
    drawn = tensors([(REPLICAS, *shape) for shape in SHAPES])
    pairs = zip(drawn, DTYPES[kind], strict=True)
    return [p.detach().to(dtype).requires_grad_() for p, dtype in pairs]


def gradients(params: list[Tensor], step: int) -> list[Tensor]:
    """Return gradients whose scale differs by replica, or all would brake alike."""
    generator = torch.Generator().manual_seed(step)
    scale = 10 ** torch.linspace(-2, 1, REPLICAS, dtype=torch.float64)
    draws = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in params]
    return [
        (draw * scale.view(-1, *[1] * (draw.dim() - 1))).to(p.dtype)
        for draw, p in zip(draws, params, strict=True)
    ]


def groups(params: list[Tensor]) -> list[dict[str, Any]]:
    return [{"params": params[:2]}, {"params": params[2:], "lr": 0.02, "lr_cutoff": 5.0}]


def together(kind: str, bad: int | None = None, **options: Any) -> tuple[list[Tensor], Tensor]:
    params = stack(kind)
    optimizer = VRAdam(groups(params), stacked=True, **options)
    for step in range(STEPS):
        for p, gradient in zip(params, gradients(params, step), strict=True):
            p.grad = gradient
            if bad is not None and step > 5:
                p.grad[bad] = math.nan
        optimizer.step()
    return copies(params), optimizer.effective_rate()


def alone(r: int, kind: str, **options: Any) -> tuple[list[Tensor], Tensor]:
    whole = stack(kind)
    params = [p[r].detach().clone().requires_grad_() for p in whole]
    optimizer = VRAdam(groups(params), **options)
    for step in range(STEPS):
        for p, gradient in zip(params, gradients(whole, step), strict=True):
            p.grad = gradient[r].clone()
        optimizer.step()
    return copies(params), optimizer.effective_rate()


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_stack_equals_its_replicas(name: str, kind: str) -> None:
    params, rates = together(kind, **OPTIONS[name])
    assert rates.shape == (2, REPLICAS)
    assert name == "no brake" or len(set(rates[0].tolist())) > 1, "all replicas brake alike"
    for r in range(REPLICAS):
        single, rate = alone(r, kind, **OPTIONS[name])
        assert equal([p[r] for p in params], single)
        assert torch.equal(rates[:, r], rate)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_nan_does_not_leave_its_replica(name: str) -> None:
    clean, _ = together("float64", **OPTIONS[name])
    broken, _ = together("float64", bad=1, **OPTIONS[name])
    for p, q in zip(clean, broken, strict=True):
        others = [0, 2, 3]
        assert torch.equal(p[others], q[others])
        assert q[1].isnan().all()


def test_sums_do_not_depend_on_how_many_tensors_stand_beside() -> None:
    """Enough tensors for the sum over them to be taken in vector registers."""
    params = tensors([(REPLICAS, 3)] * 70, SINGLE)
    optimizer = VRAdam(params, stacked=True)
    for p, gradient in zip(params, gradients(params, 0), strict=True):
        p.grad = gradient
    optimizer.step()
    for r in range(REPLICAS):
        single = [p[r].detach().clone().requires_grad_() for p in params]
        other = VRAdam(single)
        for p, gradient in zip(single, gradients(params, 0), strict=True):
            p.grad = gradient[r].clone()
        other.step()
        assert torch.equal(optimizer.effective_rate()[:, r], other.effective_rate())


@pytest.mark.parametrize("shapes", [[(3, 2), (4,)], [()], [(3,), ()], [(0, 2)]])
def test_stacks_must_share_their_leading_axis(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="share a leading axis of at least one replica, got"):
        VRAdam(tensors(shapes), stacked=True)


def test_a_group_added_later_must_fit_the_stack() -> None:
    optimizer = VRAdam(tensors([(3, 2)]), stacked=True)
    with pytest.raises(ValueError, match=r"got shapes \(3, 2\) and \(2, 2\)"):
        optimizer.add_param_group({"params": tensors([(2, 2)])})
    assert len(optimizer.param_groups) == 1
