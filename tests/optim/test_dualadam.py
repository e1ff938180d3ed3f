"""DualAdam between its two ends, and InvAdam's units."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from moments_tools import copies, equal, run, set_gradients, tensors
from torch.optim import Adam, AdamW

from flowadam.optim import DualAdam, InvAdam

STEPS = range(12)
FEW = settings(max_examples=25, deadline=None)
OPTIONS: dict[str, Any] = {
    "lr": st.floats(1e-5, 1.0),
    "betas": st.tuples(st.floats(0.0, 0.99), st.floats(0.5, 0.9999)),
    "eps": st.floats(0.0, 1e-2),
    "dtype": st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
}


@FEW
@given(switch_rate=st.floats(0.5, 1.0, exclude_min=True), **OPTIONS)
def test_beyond_one_half_it_is_adam(switch_rate: float, dtype: torch.dtype, **options: Any) -> None:
    """Bit for bit, that of torch with ``foreach=True``."""
    ours, theirs = tensors(dtype=dtype), tensors(dtype=dtype)
    run(DualAdam(ours, switch_rate=switch_rate, **options), ours, STEPS)
    run(Adam(theirs, foreach=True, **options), theirs, STEPS)
    assert equal(ours, theirs)


@FEW
@given(weight_decay=st.floats(0.0, 0.5), **OPTIONS)
def test_its_decay_is_that_of_adamw(dtype: torch.dtype, **options: Any) -> None:
    ours, theirs = tensors(dtype=dtype), tensors(dtype=dtype)
    run(DualAdam(ours, switch_rate=1.0, **options), ours, STEPS)
    run(AdamW(theirs, foreach=True, **options), theirs, STEPS)
    assert equal(ours, theirs)


@FEW
@given(weight_decay=st.floats(0.0, 0.5), **OPTIONS)
def test_at_zero_it_is_invadam(dtype: torch.dtype, **options: Any) -> None:
    dual, inverse = tensors(dtype=dtype), tensors(dtype=dtype)
    run(DualAdam(dual, switch_rate=0.0, **options), dual, STEPS)
    run(InvAdam(inverse, **options), inverse, STEPS)
    assert equal(dual, inverse)


@FEW
@given(switch_rate=st.floats(0.01, 1.0))
def test_the_weight_falls_in_equal_steps_and_is_cut_off(switch_rate: float) -> None:
    params = tensors([(1,)])
    optimizer = DualAdam(params, switch_rate=switch_rate)
    seen = []
    for step in range(110):
        run(optimizer, params, range(step, step + 1))
        seen += optimizer.mixing_weight()
    mixed = [alpha for alpha in seen if alpha > 0]
    assert seen[: len(mixed)] == mixed and seen[-1] == 0
    assert mixed == pytest.approx([1 - switch_rate * t for t in range(1, len(mixed) + 1)])
    assert all(alpha >= switch_rate for alpha in mixed)
    assert 1 - switch_rate * (len(mixed) + 1) < switch_rate


@FEW
@given(power=st.integers(-20, 20), steps=st.integers(1, 20))
def test_a_loss_times_c_makes_an_invadam_step_times_c_squared(power: int, steps: int) -> None:
    """Exactly, for powers of two and eps = 0; DualAdam's Adam end does not move."""
    c = 2.0**power
    for optimizer, factor in ((InvAdam, c * c), (Adam, 1.0)):
        moves = []
        for scale in (1.0, c):
            params = [torch.zeros_like(p).requires_grad_() for p in tensors()]
            run(optimizer(params, lr=1.0, eps=0.0), params, range(steps), scale)
            moves.append(copies(params))
        assert equal([move * factor for move in moves[0]], moves[1])


@FEW
@given(switch_rate=st.floats(0.0, 0.5), sign=st.sampled_from([-1.0, 1.0]))
def test_where_the_root_is_one_the_mixture_does_not_matter(switch_rate: float, sign: float) -> None:
    (p,) = tensors([(3,)])
    start = p.detach().clone()
    optimizer = DualAdam([p], lr=0.5, eps=0.0, switch_rate=switch_rate)
    for _ in range(5):
        p.grad = torch.full_like(p, sign)
        optimizer.step()
    assert torch.allclose(p.detach(), start - 2.5 * sign, rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", [InvAdam, lambda p, **o: DualAdam(p, switch_rate=0.0, **o)])
def test_what_has_no_weight_is_not_computed(make: Any) -> None:
    """Adam's part would be 0 / 0 here."""
    params = tensors()
    optimizer = make(params, eps=0.0)
    before = copies(params)
    for p in params:
        p.grad = torch.zeros_like(p)
    optimizer.step()
    assert equal(params, before)


def test_an_inverse_part_without_weight_cannot_overflow() -> None:
    """q is infinite here, and 0 times it would be nan."""
    ours, theirs = tensors(), tensors()
    run(DualAdam(ours, switch_rate=1.0), ours, range(3), scale=1e160)
    run(Adam(theirs, foreach=True), theirs, range(3), scale=1e160)
    assert all(p.isfinite().all() for p in ours)
    assert equal(ours, theirs)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("switch_rate", [0.0, 0.1, 1.0])
def test_bad_gradients_stay_where_they_are(bad: float, switch_rate: float) -> None:
    params = tensors()
    optimizer = DualAdam(params, switch_rate=switch_rate)
    run(optimizer, params, range(2))
    set_gradients(params, 2)
    assert params[0].grad is not None
    params[0].grad[0, 0] = bad
    optimizer.step()
    assert [int((~p.isfinite()).sum()) for p in params] == [1, 0, 0]


def test_one_counter_for_all_parameters() -> None:
    """A late parameter is corrected with the optimizer's t; steps without any gradient are none."""
    first, late = tensors([(2,), (3,)])
    optimizer = DualAdam([{"params": [first]}, {"params": [late], "switch_rate": 0.5}])
    assert all(math.isnan(alpha) for alpha in optimizer.mixing_weight())
    run(optimizer, [first], range(4))
    first.grad = None
    optimizer.step()
    assert optimizer.mixing_weight() == pytest.approx([0.96, 0.0])
    set_gradients([late], 5)
    optimizer.step()
    assert optimizer.state[first]["step"] == 4 and optimizer.state[late]["step"] == 5
    assert optimizer.mixing_weight() == pytest.approx([0.95, 0.0])


def test_replicas_may_be_stacked() -> None:
    """Elementwise, and t is the same for all: bit for bit, also past the switch."""
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        stacked = tensors([(3, 7, 5), (3, 13)], dtype)
        single = [p[1].detach().clone().requires_grad_() for p in stacked]
        many, one = DualAdam(stacked, switch_rate=0.1), DualAdam(single, switch_rate=0.1)
        for step in range(15):
            set_gradients(stacked, step)
            for p, q in zip(single, stacked, strict=True):
                assert q.grad is not None
                p.grad = q.grad[1].clone()
            many.step()
            one.step()
        assert equal([p[1] for p in stacked], single)
