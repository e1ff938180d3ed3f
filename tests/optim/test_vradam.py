"""VRAdam's brake: its range, what it depends on, and what it does not."""

from __future__ import annotations

import math
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from moments_tools import SHAPES, copies, equal, run, set_gradients, tensors
from torch import Tensor
from torch.optim import AdamW

from flowadam.optim import VRAdam

STEPS = range(12)
FEW = settings(max_examples=25, deadline=None)
rates = st.floats(1e-5, 1.0)
betas = st.tuples(st.floats(0.0, 0.99), st.floats(0.5, 0.9999))
scales = st.floats(1e-3, 1e3)


def braked(steps: range = STEPS, scale: float = 1.0, **options: Any) -> list[float]:
    """Return the effective rate after each step; the gradients are the same for all options."""
    params = tensors()
    optimizer, found = VRAdam(params, **options), []
    for step in steps:
        run(optimizer, params, range(step, step + 1), scale)
        found.append(float(optimizer.effective_rate()))
    return found


@FEW
@given(
    lr=rates,
    betas=betas,
    eps=st.floats(0.0, 1e-2),
    weight_decay=st.sampled_from([0.0, 1e-5, 0.3]),
    off=st.sampled_from([{"beta3": 0.0}, {"lr_cutoff": 0.0}]),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
)
def test_without_the_brake_it_is_adamw(off: Any, dtype: torch.dtype, **options: Any) -> None:
    """Bit for bit, that of torch with ``foreach=True``."""
    ours, theirs = tensors(dtype=dtype), tensors(dtype=dtype)
    run(VRAdam(ours, **options, **off), ours, STEPS)
    run(AdamW(theirs, foreach=True, **options), theirs, STEPS)
    assert equal(ours, theirs)


@FEW
@given(lr=rates, beta3=st.floats(0.0, 1e6), lr_cutoff=st.floats(0.0, 100.0), scale=scales)
def test_the_rate_stays_between_floor_and_lr(
    lr: float, beta3: float, lr_cutoff: float, scale: float
) -> None:
    floor, slack = lr / (1 + lr_cutoff), 1e-14
    for rate in braked(scale=scale, lr=lr, beta3=beta3, lr_cutoff=lr_cutoff):
        assert floor * (1 - slack) <= rate <= lr * (1 + slack)


@FEW
@given(beta3=st.floats(1e-6, 1e3), factor=st.floats(1.01, 10.0))
def test_a_stronger_brake_brakes_more(beta3: float, factor: float) -> None:
    pairs = zip(
        braked(beta3=beta3, lr_cutoff=math.inf),
        braked(beta3=beta3 * factor, lr_cutoff=math.inf),
        strict=True,
    )
    assert all(stronger < weaker for weaker, stronger in pairs)


@FEW
@given(seed=st.integers(0, 1000), norm_of=st.sampled_from(["velocity", "gradient"]))
def test_power_two_does_not_see_rotations(seed: int, norm_of: Any) -> None:
    """s of the sequence Q g equals that of g; at power 3 it does not."""
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(square).Q
    sequence = torch.randn(10, 6, generator=generator, dtype=torch.float64)
    for power, invariant in ((2.0, True), (3.0, False)):
        gaps = []
        for gradients in (sequence, sequence @ rotation.T):
            params = tensors([(6,)])
            optimizer = VRAdam(params, power=power, lr_cutoff=math.inf, norm_of=norm_of)
            for gradient in gradients:
                params[0].grad = gradient.clone()
                optimizer.step()
            gaps.append(float(optimizer.effective_rate()))
        assert (abs(gaps[0] / gaps[1] - 1) < 1e-12) == invariant


@FEW
@given(cut=st.integers(1, 2), power=st.sampled_from([1.0, 2.0, 3.0]))
def test_groups_with_equal_options_are_one_under_the_global_norm(cut: int, power: float) -> None:
    """Bit for bit; and one group alone does not care about the scope."""
    ends = []
    cases: list[tuple[Any, list[int]]] = [("global", [cut]), ("global", []), ("group", [])]
    for scope, cuts in cases:
        params = tensors()
        edges = [0, *cuts, len(params)]
        parts = [params[a:b] for a, b in pairwise(edges)]
        run(VRAdam([{"params": p} for p in parts], power=power, scope=scope), params, STEPS)
        ends.append(copies(params))
    assert equal(ends[0], ends[1]) and equal(ends[1], ends[2])


def test_each_group_brakes_its_own_rate_by_the_norm_of_all() -> None:
    params = tensors()
    groups: list[dict[str, Any]] = [
        {"params": params[:1], "lr": 0.1, "beta3": 0.2, "lr_cutoff": 100.0, "betas": (0.8, 0.9)},
        {"params": params[1:2], "lr": 0.2, "beta3": 5.0, "lr_cutoff": 3.0},
        {"params": params[2:], "lr": 0.3, "beta3": 0.0},
    ]
    optimizer = VRAdam(groups)
    run(optimizer, params, STEPS)
    s = sum(float(optimizer.state[p]["exp_avg"].square().sum()) for p in params)
    expected = [0.1 / (1 + 0.2 * s), 0.2 / (1 + min(5 * s, 3)), 0.3]
    assert 0.2 * s > 1e-3
    assert optimizer.effective_rate().tolist() == pytest.approx(expected, rel=1e-14)


def test_parameters_without_a_gradient_are_not_in_the_norm() -> None:
    params = tensors()
    optimizer = VRAdam(params, lr=0.1, lr_cutoff=math.inf)
    run(optimizer, params, range(3))
    set_gradients(params, 3)
    resting = params[0]
    resting.grad = None
    before = resting.detach().clone()
    optimizer.step()
    s = sum(float(optimizer.state[p]["exp_avg"].square().sum()) for p in params[1:])
    assert float(optimizer.effective_rate()) == pytest.approx(0.1 / (1 + s), rel=1e-14)
    assert torch.equal(resting, before)
    assert [optimizer.state[p]["step"] for p in params] == [3, 4, 4]


def test_the_norm_is_summed_in_float32_for_bfloat16() -> None:
    """bfloat16 cannot count beyond 256; 2^18 entries of 2^-5 have the square sum 256."""
    (p,) = tensors([(2**18,)], torch.bfloat16)
    optimizer = VRAdam([p], lr=1.0, norm_of="gradient", lr_cutoff=math.inf)
    p.grad = torch.full_like(p, 2.0**-5)
    optimizer.step()
    assert float(optimizer.effective_rate()) == pytest.approx(1 / 257, rel=1e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_bad_gradients_are_let_through(bad: float) -> None:
    """A nan stops all that share the brake, an infinity its own coordinate; both are seen."""
    params = tensors()
    optimizer = VRAdam(params)
    run(optimizer, params, range(2))
    set_gradients(params, 2)
    assert params[0].grad is not None
    params[0].grad[0, 0] = bad
    optimizer.step()
    healthy = sum(int(p.isfinite().sum()) for p in params)
    entries = sum(math.prod(shape) for shape in SHAPES)
    assert healthy == (0 if math.isnan(bad) else entries - 1)


def test_without_the_brake_an_infinity_stays_where_it_is() -> None:
    params = tensors()
    optimizer = VRAdam(params, beta3=0.0)
    set_gradients(params, 0)
    assert params[0].grad is not None
    params[0].grad[0, 0] = math.inf
    optimizer.step()
    assert [int(p.isnan().sum()) for p in params] == [1, 0, 0]


def test_the_effective_rate_before_and_after() -> None:
    params = tensors()
    optimizer = VRAdam(params[:1], lr=0.5)
    assert optimizer.effective_rate().shape == (1,)
    assert optimizer.effective_rate().isnan().all()
    run(optimizer, params[:1], range(1))
    optimizer.add_param_group({"params": params[1:]})
    first, added = optimizer.effective_rate().tolist()
    assert 0 < first < 0.5 and math.isnan(added)
    optimizer.param_groups[0]["lr"] = 7.0
    assert optimizer.effective_rate()[0] == first, "the rate is that of the last step"


def test_reading_the_rate_changes_nothing() -> None:
    ends: list[list[Tensor]] = []
    for read in (False, True):
        params = tensors()
        optimizer = VRAdam(params)
        for step in STEPS:
            run(optimizer, params, range(step, step + 1))
            if read:
                optimizer.effective_rate().zero_()
        ends.append(copies(params))
    assert equal(*ends)


@pytest.mark.parametrize("way", ["deep copy", "state dictionary"])
def test_a_restored_optimizer_has_no_rate_before_its_first_step(way: str) -> None:
    """The rate is of this object's last step; checkpoints hold what later steps need."""
    params = tensors()
    optimizer = VRAdam(params)
    run(optimizer, params, range(2))
    if way == "deep copy":
        params, restored = deepcopy((params, optimizer))
    else:
        restored = VRAdam(params)
        run(restored, params, range(2))
        restored.load_state_dict(optimizer.state_dict())
    assert restored.effective_rate().isnan().all()
    run(restored, params, range(2, 3))
    assert restored.effective_rate().isfinite().all()
