"""Training loops of every kind: groups, missing gradients, dtypes, closures with habits."""

from __future__ import annotations

import gc
from typing import Any

import psutil
import pytest
import torch
from optim_problems import ALWAYS, Quadratic, buffers, copies, equal, flowing, train
from torch import Tensor

from flowadam.optim import FlowAdam, clip, detector, injection, ladder, norms

METHODS = ["ladder", "dopri5", "euler"]


@pytest.mark.parametrize("method", METHODS)
def test_no_buffer_carries_a_graph(method: str) -> None:
    problem, opt = flowing(ode_method=method, deterministic=True)

    def closure() -> Tensor:
        loss = problem.loss()
        grads = torch.autograd.grad(loss, problem.params, create_graph=True)
        for p, grad in zip(problem.params, grads, strict=True):
            p.grad = grad
        return loss

    (loss, *_) = train(opt, closure, 3)
    assert opt.flow_stats()["flow_steps"] == 3
    kept = [t for own in opt.state.values() for t in buffers(own)]
    assert all(not t.requires_grad and t.grad_fn is None for t in [loss, *kept])
    assert all(p.is_leaf and p.requires_grad for p in problem.params)


def test_memory_is_flat() -> None:
    """The published optimizer grew by 0.4 MB per flow step at this size."""
    torch.manual_seed(0)
    params = [torch.randn(50, 50).requires_grad_() for _ in range(2)]
    opt = FlowAdam(params, lr=1e-4, **ALWAYS)

    def closure() -> Tensor:
        opt.zero_grad()
        loss = torch.stack([p.square().sum() for p in params]).sum()
        loss.backward()
        return loss

    train(opt, closure, 300)
    gc.collect()
    before = psutil.Process().memory_info().rss
    train(opt, closure, 600)
    assert psutil.Process().memory_info().rss - before < 20e6


def test_groups_keep_their_own_options() -> None:
    """Four groups with own lr, horizon, clip and gamma move as by hand; lr 0 stands still."""
    groups: list[dict[str, Any]] = [
        {"lr": 0.01, "ode_t_scale": 0.5, "clip_value": 0.1, "momentum_blend_gamma": 0.25},
        {"lr": 0.03, "ode_t_scale": 0.2, "clip_value": 10.0, "momentum_blend_gamma": 1.0},
        {"lr": 0.0},
    ]
    params = [torch.full((2,), 2.0 + i, dtype=torch.float64).requires_grad_() for i in range(3)]
    opt = FlowAdam(
        [{"params": [p], **own} for p, own in zip(params, groups, strict=True)], **ALWAYS
    )

    def closure() -> Tensor:
        opt.zero_grad()
        loss = torch.stack([(p**2).sum() for p in params]).sum() / 2
        loss.backward()
        return loss

    train(opt, closure, 11)
    start, moments = copies(params), [opt.state[p]["exp_avg"].clone() for p in params]
    opt.step(closure)
    assert opt.flow_stats()["flow_steps"] == 1
    for p, old, m, own in zip(params, start, moments, opt.param_groups, strict=True):
        w = own["ode_t_scale"] * old.clamp(-own["clip_value"], own["clip_value"])
        gamma = own["momentum_blend_gamma"]
        torch.testing.assert_close(p.detach(), old - own["lr"] * w)
        torch.testing.assert_close(opt.state[p]["exp_avg"], (1 - gamma) * m + gamma * w)
    assert torch.equal(params[2].detach(), torch.full((2,), 4.0, dtype=torch.float64))


def test_the_set_of_parameters_with_gradients_may_change() -> None:
    """Freezing, thawing, unused branches and new groups; the rest goes on being compared."""
    problem = Quadratic()
    unused = torch.zeros(3, dtype=torch.float64).requires_grad_()
    opt = FlowAdam([*problem.params, unused], lr=0.01, **ALWAYS)
    train(opt, problem.closure, 15)
    problem.params[0].requires_grad_(False)

    def one() -> Tensor:
        opt.zero_grad()
        loss = problem.loss()
        loss.backward()
        return loss

    frozen = copies(problem.params[:1])
    train(opt, one, 5)
    assert equal(problem.params[:1], frozen)
    problem.params[0].requires_grad_(True)
    train(opt, problem.closure, 5)
    opt.add_param_group({"params": [torch.ones(2, dtype=torch.float64).requires_grad_()]})
    train(opt, problem.closure, 5)
    counts = {"steps": 30, "flow_steps": 19, "field_evals": 19, "fallbacks": 0}
    assert counts.items() <= opt.flow_stats().items()
    assert unused not in opt.state


def test_a_tensor_without_a_previous_gradient_does_not_count_as_changed() -> None:
    """Freezing all but a constant gradient must not look like a stiff loss."""
    params = [torch.zeros(2).requires_grad_() for _ in range(2)]
    opt = FlowAdam(params, switch_sensitivity=0.0, curvature_sensitivity=2.0)
    used = [0]

    def closure() -> Tensor:
        opt.zero_grad()
        loss = torch.stack([params[i].sum() * (i + 1) for i in used]).sum()
        loss.backward()
        return loss

    train(opt, closure, 20)
    used[:] = [0, 1]
    train(opt, closure, 1)
    assert opt.flow_stats()["flow_steps"] == 0


def test_a_gradient_missing_in_a_field_evaluation_is_zero() -> None:
    problem, opt = flowing()
    start = copies(problem.params)

    def closure() -> Tensor:
        problem.closure()
        if not equal(copies(problem.params), start):
            problem.params[0].grad = None
        return problem.loss()

    opt.step(closure)
    stats = opt.flow_stats()
    assert (stats["flow_steps"], stats["fallbacks"]) == (1, 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_every_dtype_flows(dtype: torch.dtype, method: str) -> None:
    problem = Quadratic(dtype)
    opt = FlowAdam(problem.params, lr=0.01, ode_method=method, **ALWAYS)
    losses = train(opt, problem.closure, 60)
    stats = opt.flow_stats()
    assert (stats["flow_steps"], stats["fallbacks"]) == (49, 0)
    assert losses[-1] < losses[0]
    assert all(p.dtype == dtype for p in problem.params)


def test_dtypes_may_be_mixed_and_tensors_empty_or_strided() -> None:
    params = [
        torch.ones(3, dtype=torch.float64),
        torch.ones(3),
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(0),
        torch.ones(2, 3).t(),
        torch.ones(1, 4, 3, 3).to(memory_format=torch.channels_last),
    ]
    params = [p.requires_grad_() for p in params]
    for method in METHODS:
        opt = FlowAdam(params, lr=0.01, ode_method=method, **ALWAYS)

        def closure(opt: FlowAdam = opt) -> Tensor:
            opt.zero_grad()
            loss = torch.stack([p.double().square().sum() for p in params]).sum()
            loss.backward()
            return loss

        losses = train(opt, closure, 20)
        assert losses[-1] < losses[0]
        assert opt.flow_stats()["flow_steps"] == 9


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_gradients_after_a_step_are_those_it_began_with(method: str, deterministic: bool) -> None:
    problem, opt = flowing(ode_method=method, deterministic=deterministic)
    for _ in range(3):
        expected = problem.gradients()
        opt.step(problem.closure)
        assert all(p.grad is not None for p in problem.params)
        assert equal([p.grad for p in problem.params if p.grad is not None], expected)


@pytest.mark.parametrize("clear", ["to zero", "never"])
def test_field_evaluations_do_not_add_up_gradients(clear: str) -> None:
    """Closures that clear in place, or not at all, give the same flow step as one that clears."""
    reference, opt = flowing()
    opt.step(reference.closure)
    problem, other = flowing()

    def closure() -> Tensor:
        if clear == "to zero":
            other.zero_grad(set_to_none=False)
        loss = problem.loss()
        loss.backward()
        return loss

    other.zero_grad()
    other.step(closure)
    assert other.flow_stats() == opt.flow_stats()
    assert equal(problem.params, reference.params)


def test_extra_calls_are_one_per_flow_step_and_see_no_far_point() -> None:
    """Batch statistics and random streams advance once more per flow step, not eight times."""
    problem, opt = flowing()
    before, start, far = problem.calls, copies(problem.params), 0.0

    def closure() -> Tensor:
        nonlocal far
        moves = [(p.detach() - s).abs().max() for p, s in zip(problem.params, start, strict=True)]
        far = max(far, float(torch.stack(moves).max()))
        return problem.closure()

    opt.step(closure)
    assert problem.calls - before == 2
    assert far <= 0.01 * 0.5 * 1.0 * (1 + 1e-9)


def test_closures_run_under_enable_grad_even_inside_no_grad() -> None:
    problem, opt = flowing()
    with torch.no_grad():
        opt.step(problem.closure)
    assert opt.flow_stats()["flow_steps"] == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("method", METHODS)
def test_gpu_agrees_with_cpu(method: str) -> None:
    ends = []
    for device in ("cpu", "cuda"):
        problem = Quadratic()
        problem.params = [p.detach().to(device).requires_grad_() for p in problem.params]
        problem.scales = [a.to(device) for a in problem.scales]
        opt = FlowAdam(problem.params, lr=0.01, ode_method=method, deterministic=True, **ALWAYS)
        train(opt, problem.closure, 40)
        ends.append([p.detach().cpu() for p in problem.params])
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_host_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """One read in a quiet step, two in a flow step: the detector's, and one for check and cap.

    Nothing but `read` brings numbers to the host.
    """
    reads, elsewhere, inside = [0], [0], [False]

    def counted(tensors: Any) -> list[float]:
        reads[0] += 1
        inside[0] = True
        values = norms.read(tensors)
        inside[0] = False
        return values

    def watched(name: str) -> Any:
        original = getattr(Tensor, name)

        def look(self: Tensor, *args: Any) -> Any:
            elsewhere[0] += not inside[0]
            return original(self, *args)

        return look

    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=0.01, clip_value=1e9, ode_tol=1.0, detector="periodic")
    train(opt, problem.closure, 12)
    for module in (clip, detector, injection, ladder):
        monkeypatch.setattr(module, "read", counted)
    for name in ("tolist", "item", "__float__", "__int__", "__bool__"):
        monkeypatch.setattr(Tensor, name, watched(name))
    counts: dict[bool, set[int]] = {False: set(), True: set()}
    for _ in range(20):
        before = opt.flow_stats()["flow_steps"]
        reads[0] = 0
        opt.step(problem.closure)
        counts[opt.flow_stats()["flow_steps"] > before].add(reads[0])
    assert elsewhere == [0]
    assert counts == {False: {1}, True: {2}}


def test_an_autocast_around_the_step_sees_every_point() -> None:
    """Its cache of casts would show the check the weights of the start point."""
    torch.manual_seed(0)
    x, y = torch.randn(32, 4), torch.randn(32, 1)
    ends = []
    for around in (False, True):
        torch.manual_seed(1)
        model = torch.nn.Linear(4, 1)
        options = {"detector": "periodic", "rate": 1.0, "ode_t_scale": 5.0, "ode_tol": 1e-3}
        opt = FlowAdam(model.parameters(), lr=0.1, **options)

        def closure(model: torch.nn.Module = model, opt: FlowAdam = opt) -> Tensor:
            opt.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = (model(x) - y).float().square().mean()
            loss.backward()
            return loss

        for _ in range(16):
            if around:
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    opt.step(closure)
            else:
                opt.step(closure)
        ends.append((copies(list(model.parameters())), opt.flow_stats()))
    assert ends[0][1]["field_evals"] > 5
    assert ends[0][1] == ends[1][1]
    assert equal(ends[0][0], ends[1][0])
