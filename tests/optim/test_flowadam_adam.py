"""The quiet step: FlowAdam with its triggers off is Adam."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optim_problems import NEVER, Quadratic, equal, train

from flowadam.optim import FlowAdam

STEPS = 200

# Agreement with torch's unfused arithmetic: a few units in the last place of numbers near one.
# bfloat16 is left out: the unfused form rounds every intermediate result to three digits.
UNFUSED_TOLERANCE = {torch.float64: 2e-15, torch.float32: 2e-6}


def both(
    dtype: torch.dtype, torch_options: dict[str, Any], **options: Any
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the parameters after equally many steps of FlowAdam without triggers and of Adam."""
    ours, theirs = Quadratic(dtype), Quadratic(dtype)
    opt = FlowAdam(ours.params, eps_placement="torch", **(NEVER | options))
    train(opt, ours.closure, STEPS)
    train(torch.optim.Adam(theirs.params, **options, **torch_options), theirs.closure, STEPS)
    assert opt.flow_stats()["flow_steps"] == 0
    return ours.params, theirs.params


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_equals_torchs_fused_adam_bit_for_bit(dtype: torch.dtype) -> None:
    assert equal(*both(dtype, {"fused": True}, lr=0.02, betas=(0.8, 0.95), eps=1e-6))


@pytest.mark.parametrize("unfused", [{"foreach": True}, {"foreach": False}])
@pytest.mark.parametrize("dtype", UNFUSED_TOLERANCE)
def test_equals_torchs_unfused_adam_to_the_last_places(
    dtype: torch.dtype, unfused: dict[str, bool]
) -> None:
    for a, b in zip(*both(dtype, unfused, lr=0.02), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=UNFUSED_TOLERANCE[dtype])


@given(
    lr=st.floats(1e-5, 0.3),
    beta1=st.floats(0, 0.99),
    beta2=st.floats(0, 0.9999),
    eps=st.floats(1e-12, 1e-2),
)
@settings(max_examples=25, deadline=None)
def test_equals_adam_for_all_options(lr: float, beta1: float, beta2: float, eps: float) -> None:
    assert equal(*both(torch.float64, {"fused": True}, lr=lr, betas=(beta1, beta2), eps=eps))


def test_published_placement_adds_eps_to_the_uncorrected_root() -> None:
    lr, (b1, b2), eps = 0.05, (0.9, 0.999), 1e-3
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=lr, betas=(b1, b2), eps=eps, **NEVER)
    x = [p.detach().clone() for p in problem.params]
    m, v = [torch.zeros_like(p) for p in x], [torch.zeros_like(p) for p in x]
    for t in range(1, 31):
        opt.step(problem.closure)
        for i, p in enumerate(problem.params):
            g = problem.scales[i] * (x[i] - 1)
            m[i], v[i] = b1 * m[i] + (1 - b1) * g, b2 * v[i] + (1 - b2) * g**2
            rate = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
            x[i] = x[i] - rate * m[i] / (v[i].sqrt() + eps)
            torch.testing.assert_close(p.detach(), x[i], rtol=1e-12, atol=1e-12)


def test_eps_placements_differ() -> None:
    ends = []
    for placement in ("published", "torch"):
        problem = Quadratic()
        opt = FlowAdam(problem.params, lr=0.01, eps=1e-2, eps_placement=placement, **NEVER)
        train(opt, problem.closure, 5)
        ends.append(problem.params)
    assert not equal(*ends)


def test_schedulers_are_followed() -> None:
    ours, theirs = Quadratic(), Quadratic()
    opt = FlowAdam(ours.params, lr=0.1, eps_placement="torch", **NEVER)
    adam = torch.optim.Adam(theirs.params, lr=0.1, fused=True)
    schedulers = [torch.optim.lr_scheduler.StepLR(o, 5, gamma=0.5) for o in (opt, adam)]
    for _ in range(30):
        opt.step(ours.closure)
        adam.step(theirs.closure)
        for scheduler in schedulers:
            scheduler.step()
    assert equal(ours.params, theirs.params)


def test_non_contiguous_parameters_are_updated_in_place_and_nothing_else_is() -> None:
    base = torch.ones(4, 6, dtype=torch.float64)
    strided = base[:, ::2].requires_grad_()
    transposed = torch.ones(3, 4, dtype=torch.float64).t().requires_grad_()
    plain = [torch.ones(4, 3, dtype=torch.float64).requires_grad_() for _ in range(2)]
    weights = torch.arange(12, dtype=torch.float64).view(4, 3)

    def closure_of(params: list[torch.Tensor]) -> Any:
        def closure() -> torch.Tensor:
            for p in params:
                p.grad = None
            loss = torch.stack([(weights * (p - 3) ** 2).sum() for p in params]).sum()
            loss.backward()
            return loss

        return closure

    views = [strided, transposed]
    train(FlowAdam(views, lr=0.05), closure_of(views), 30)
    train(FlowAdam(plain, lr=0.05), closure_of(plain), 30)
    assert equal(views, plain)
    assert torch.equal(base[:, 1::2], torch.ones(4, 3, dtype=torch.float64))
