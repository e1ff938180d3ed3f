"""VRAdam, InvAdam and DualAdam in ordinary training loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from moments_tools import EVERY, copies, equal, run, set_gradients, tensors, tensors_in
from torch import Tensor
from torch.optim import lr_scheduler as schedules
from torch.utils._python_dispatch import TorchDispatchMode

STEPS = range(20)
every = pytest.mark.parametrize("name", EVERY)

SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "lambda": lambda o: schedules.LambdaLR(o, lambda k: 1 / (1 + k)),
    "multiplicative": lambda o: schedules.MultiplicativeLR(o, lambda _: 0.9),
    "step": lambda o: schedules.StepLR(o, 3),
    "milestones": lambda o: schedules.MultiStepLR(o, [2, 7]),
    "constant": lambda o: schedules.ConstantLR(o, total_iters=4),
    "linear": lambda o: schedules.LinearLR(o, total_iters=4),
    "exponential": lambda o: schedules.ExponentialLR(o, 0.9),
    "polynomial": lambda o: schedules.PolynomialLR(o, 5),
    "cosine": lambda o: schedules.CosineAnnealingLR(o, 10),
    "restarts": lambda o: schedules.CosineAnnealingWarmRestarts(o, 4),
    "cyclic": lambda o: schedules.CyclicLR(o, 0.01, 0.1, 3),
    "one cycle": lambda o: schedules.OneCycleLR(o, 0.1, 30),
    "plateau": lambda o: schedules.ReduceLROnPlateau(o, patience=1),
    "sequence": lambda o: schedules.SequentialLR(
        o, [schedules.ConstantLR(o), schedules.ExponentialLR(o, 0.5)], [4]
    ),
    "chain": lambda o: schedules.ChainedScheduler(
        [schedules.ConstantLR(o), schedules.ExponentialLR(o, 0.5)]
    ),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@every
def test_every_scheduler_acts_like_setting_rate_and_momentum_by_hand(
    name: str, scheduler: str
) -> None:
    scheduled, by_hand = tensors(), tensors()
    optimizer, other = EVERY[name](scheduled, lr=0.1), EVERY[name](by_hand)
    schedule = SCHEDULERS[scheduler](optimizer)
    seen = set()
    for step in STEPS:
        options = {key: optimizer.param_groups[0][key] for key in ("lr", "betas")}
        other.param_groups[0].update(options)
        seen.add(tuple(options.items()))
        run(optimizer, scheduled, range(step, step + 1))
        run(other, by_hand, range(step, step + 1))
        schedule.step(*([1.0] if scheduler == "plateau" else []))
    assert len(seen) > 1, "the schedule changed nothing"
    assert equal(scheduled, by_hand)


@every
def test_the_closure_runs_with_gradients_on_and_its_value_is_returned(name: str) -> None:
    params = tensors()
    optimizer: Any = EVERY[name](params, lr=0.01)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.stack([p.square().sum() for p in params]).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        losses = [float(optimizer.step(closure)) for _ in STEPS]
    assert losses[-1] < losses[0]
    assert optimizer.step() is None


@every
@pytest.mark.parametrize("steps", [0, 3])
def test_a_closure_that_raises_changes_nothing(name: str, steps: int) -> None:
    params = tensors()
    optimizer = EVERY[name](params)
    run(optimizer, params, range(steps))
    before, state = copies(params), copies(tensors_in(optimizer.state_dict()))
    counts = [entry["step"] for entry in optimizer.state.values()]

    def closure() -> float:
        set_gradients(params, 99)
        raise ArithmeticError("on purpose")

    with pytest.raises(ArithmeticError):
        optimizer.step(closure)
    assert equal(params, before)
    assert equal(tensors_in(optimizer.state_dict()), state)
    assert [entry["step"] for entry in optimizer.state.values()] == counts


@every
def test_empty_and_missing_gradients_change_nothing_for_the_others(name: str) -> None:
    """Also with more parameters than gradients at the first step, and none in the last."""
    plain, mixed = tensors([(3, 4), (5,)]), tensors([(3, 4), (5,)])
    first, second = EVERY[name](plain), EVERY[name]
    unused, empty = tensors([(2,), (0, 3)])
    more = second([unused, empty, *mixed])
    for step in STEPS:
        empty.grad = torch.zeros_like(empty)
        run(first, plain, range(step, step + 1))
        run(more, mixed, range(step, step + 1))
    assert equal(plain, mixed)
    assert unused not in more.state
    for p in (*mixed, empty):
        p.grad = None
    before = copies(mixed)
    more.step()
    assert equal(mixed, before)


@every
def test_a_frozen_parameter_rests_and_thaws(name: str) -> None:
    params = tensors()
    optimizer = EVERY[name](params)
    run(optimizer, params, range(5))
    before = copies(params)
    for step in range(5, 9):
        set_gradients(params, step)
        params[0].grad = None
        optimizer.step()
    assert torch.equal(params[0], before[0])
    assert not torch.equal(params[1], before[1])
    run(optimizer, params, range(9, 12))
    assert not torch.equal(params[0], before[0])
    assert all(p.isfinite().all() for p in params)


@every
def test_dtypes_mix_and_are_kept(name: str) -> None:
    """Each moves like in an optimizer of its own, but for a norm that spans them."""
    dtypes = (torch.float64, torch.float32, torch.bfloat16)
    params = [tensors([(3, 4)], dtype, seed=i)[0] for i, dtype in enumerate(dtypes)]
    optimizer = EVERY[name](params, lr=0.05)
    for _ in STEPS:
        for p in params:
            p.grad = p.detach().clone()
        before = copies(params)
        optimizer.step()
        for p, old in zip(params, before, strict=True):
            assert p.float().norm() < old.float().norm()
    for p, dtype in zip(params, dtypes, strict=True):
        state = optimizer.state[p]
        assert {p.dtype, state["exp_avg"].dtype, state["exp_avg_sq"].dtype} == {dtype}


@every
@pytest.mark.parametrize("layout", ["transposed", "every other column", "reversed axes"])
def test_memory_layout_does_not_matter(name: str, layout: str) -> None:
    (plain,) = tensors([(4, 3, 2)])
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "transposed": lambda t: t.transpose(0, 1).contiguous().transpose(0, 1),
        "every other column": lambda t: t.repeat_interleave(2, -1)[..., ::2],
        "reversed axes": lambda t: t.permute(2, 1, 0).contiguous().permute(2, 1, 0),
    }
    strided = ways[layout](plain.detach()).requires_grad_()
    stride = strided.stride()
    assert not strided.is_contiguous()
    for p in (plain, strided):
        run(EVERY[name]([p]), [p], STEPS)
    assert strided.stride() == stride
    torch.testing.assert_close(strided, plain, rtol=1e-13, atol=0)


@every
def test_sparse_gradients_are_refused_before_anything_moves(name: str) -> None:
    params = tensors([(3,), (4, 2)])
    optimizer = EVERY[name](params)
    set_gradients(params, 0)
    before = copies(params)
    params[1].grad = torch.zeros(4, 2, dtype=torch.float64).to_sparse()
    with pytest.raises(RuntimeError, match=r"needs dense gradients, got torch\.sparse_coo"):
        optimizer.step()
    assert equal(params, before) and not optimizer.state


class HostReads(TorchDispatchMode):
    """Counts operations that bring a number to the host."""

    NAMES = ("_local_scalar_dense", "item", "equal", "is_nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in self.NAMES:
            self.reads.append(str(func))
        return func(*args, **(kwargs or {}))


@every
def test_a_step_reads_nothing_back_to_the_host(name: str) -> None:
    params = tensors()
    optimizer = EVERY[name](params, weight_decay=0.1)
    run(optimizer, params, range(2))
    set_gradients(params, 2)
    with HostReads() as counter:
        optimizer.step()
        assert counter.reads == []
        params[0].sum().item()
    assert len(counter.reads) == 1, "the counter sees no read at all"


@every
def test_a_step_needs_no_values(name: str) -> None:
    """Tensors without data: whatever looked at a number, in Python or below it, would raise."""
    params = [torch.empty_like(p, device="meta").requires_grad_() for p in tensors()]
    optimizer = EVERY[name](params, weight_decay=0.1)
    for _ in range(3):
        for p in params:
            p.grad = torch.empty_like(p)
        optimizer.step()
    with pytest.raises((RuntimeError, NotImplementedError)):
        params[0].sum().item()


@every
def test_blocks_do_not_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors are taken in blocks to bound temporaries; the result does not depend on it."""
    ends = []
    for most in (2**22, 6):
        monkeypatch.setattr("flowadam.optim.blocks.MOST_ENTRIES", most)
        params = tensors([(3, 4), (2,), (2,), (5,), ()])
        run(EVERY[name](params), params, STEPS)
        ends.append(copies(params))
    assert equal(*ends)


@every
def test_a_grad_scaler_does_not_change_the_run(name: str) -> None:
    """Scales are powers of two; a step whose gradients are not finite is skipped."""
    plain, scaled = tensors(), tensors()
    optimizer, other = EVERY[name](plain), EVERY[name](scaled)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    scaler.scale(torch.zeros(()))
    for step in STEPS:
        run(optimizer, plain, range(step, step + 1))
        set_gradients(scaled, step, scaler.get_scale())
        if step % 3 == 0:
            scaler.unscale_(other)
        scaler.step(other)
        scaler.update()
    assert equal(plain, scaled)
    assert scaled[0].grad is not None
    scaled[0].grad[0, 0] = math.inf
    scaler.step(other)
    assert equal(plain, scaled)


@every
def test_a_closure_under_a_grad_scaler_is_refused(name: str) -> None:
    """And the scaler's factor is forgotten: the same optimizer goes on without it."""
    params, plain = tensors(), tensors()
    optimizer, other = EVERY[name](params), EVERY[name](plain)
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.zeros(()))
    set_gradients(params, 0)
    with pytest.raises(RuntimeError, match="closure under a GradScaler"):
        scaler.step(optimizer, lambda: 0.0)
    for chosen, own in ((optimizer, params), (other, plain)):
        set_gradients(own, 0)
        chosen.step(lambda: 0.0)
    assert equal(params, plain)
