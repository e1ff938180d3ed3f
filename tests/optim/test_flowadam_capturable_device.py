"""The step that decides on the device reads nothing, and its state stays where it is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from capturable_tools import OPTIONS, Completion, contents, made
from optim_problems import Quadratic, equal, train
from test_flowadam_state import TRIPS, clone
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from flowadam.optim import FlowAdam

READS = ("_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select", "unique")


class NoReads(TorchDispatchMode):
    """Fails where data come to the host, or the shape of a result depends on them."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        assert func.overloadpacket.__name__ not in READS, f"{func} reads data"
        # A mask as an index is a `nonzero` inside the kernel.
        indices = args[1] if func.overloadpacket.__name__ in ("index", "index_put_") else ()
        assert all(i is None or i.dtype is not torch.bool for i in indices), f"{func} reads a mask"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_nothing_is_read(name: str, stacked: bool) -> None:
    problem = Completion(stacked=stacked)
    opt = made(problem, capturable=True, **OPTIONS[name])
    train(opt, problem.closure, 11)
    with NoReads():
        train(opt, problem.closure, 3)


def test_reads_would_be_seen() -> None:
    problem = Completion(stacked=True)
    opt = made(problem)
    train(opt, problem.closure, 11)
    with pytest.raises(AssertionError, match="reads data"), NoReads():
        opt.step(problem.closure)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_tensors_without_data_can_make_the_step(name: str, stacked: bool) -> None:
    """On the device "meta", where a copy to the host or a read is an error."""
    params = [torch.empty(shape, device="meta").requires_grad_() for shape in ((3, 4), (3,))]

    def closure(active: Tensor | None = None) -> Tensor:
        for p in params:
            p.grad = torch.empty_like(p)
        return torch.empty(3 if stacked else (), device="meta")

    options = {"ode_method": "euler", "capturable": True, "stacked": stacked}
    opt = FlowAdam(params, **(options | OPTIONS[name]))
    train(opt, closure, 13)
    with pytest.raises(NotImplementedError):
        opt.flow_stats()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("stacked", [False, True])
def test_a_gpu_is_not_waited_for_and_a_graph_holds_the_step(stacked: bool) -> None:
    runs = []
    for device in ("cpu", "cuda"):
        problem = Completion(stacked=stacked)
        problem.params = [p.detach().to(device).requires_grad_() for p in problem.params]
        problem.data = problem.data.to(device)
        runs.append((problem, made(problem, capturable=True)))
    (host, by_host), (device, by_device) = runs
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):  # pyright: ignore[reportArgumentType]
        train(by_device, device.closure, 3)
        torch.cuda.set_sync_debug_mode("error")
        try:
            train(by_device, device.closure, 17)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        by_device.step(device.closure)
    for _ in range(40):
        graph.replay()
    train(by_host, host.closure, 60)
    assert str(by_device.flow_stats()) == str(by_host.flow_stats())
    for p, q in zip(device.params, host.params, strict=True):
        torch.testing.assert_close(p.detach().cpu(), q.detach(), rtol=1e-9, atol=1e-9)


def test_what_lasts_stays_where_it_is() -> None:
    """A CUDA graph writes to the addresses it was captured with."""
    problem = Completion(stacked=True)
    opt = made(problem, capturable=True)
    train(opt, problem.closure, 2)

    def addresses() -> list[int]:
        found = [v for own in opt.state.values() for v in own.values() if v is not None]
        assert opt._tally is not None
        return [t.data_ptr() for t in [*found, *problem.params, opt._tally["steps"]]]

    before = addresses()
    train(opt, problem.closure, 20)
    assert addresses() == before


@pytest.mark.parametrize("trip", TRIPS)
@pytest.mark.parametrize("stacked", [False, True])
def test_a_restored_run_goes_on_bit_for_bit(stacked: bool, trip: str) -> None:
    problem = Completion(stacked=stacked)
    opt = made(problem, capturable=True, lr=torch.tensor(0.02))
    train(opt, problem.closure, 27)
    other, (third, copied) = clone(problem), deepcopy((problem, opt))
    restored = made(other, capturable=True)
    restored.load_state_dict(TRIPS[trip](opt.state_dict()))
    runs = [(opt, problem), (restored, other), (copied, third)]
    for run, own in runs:
        train(run, own.closure, 33)
    for run, own in runs[1:]:
        assert equal(own.params, problem.params)
        assert str(run.flow_stats()) == str(opt.flow_stats())
        assert run.param_groups[0]["lr"] is not opt.param_groups[0]["lr"]


def test_state_keeps_its_types_when_parameters_change_theirs() -> None:
    problem = Completion(stacked=True)
    opt = made(problem, capturable=True)
    train(opt, problem.closure, 20)
    narrow = [p.detach().bfloat16().requires_grad_() for p in problem.params]
    other = FlowAdam(narrow, stacked=True)
    other.load_state_dict(opt.state_dict())
    state = other.state[narrow[0]]
    assert state["step"].dtype is torch.float32
    assert state["exp_avg"].dtype is state["grad_prev"].dtype is torch.bfloat16
    assert str(other.flow_stats()) == str(opt.flow_stats())


def test_closures_that_raise_and_gradients_with_a_graph() -> None:
    problem = Quadratic()
    opt = made(problem, capturable=True)

    def graphed() -> Tensor:
        loss = problem.loss()
        grads = torch.autograd.grad(loss, problem.params, create_graph=True)
        for p, grad in zip(problem.params, grads, strict=True):
            p.grad = grad
        return loss

    def failing() -> Tensor:
        graphed()
        raise ValueError("on purpose")

    train(opt, graphed, 14)
    before, stats = contents(opt), opt.flow_stats()
    with pytest.raises(ValueError, match="on purpose"):
        opt.step(failing)
    assert equal(contents(opt), before)
    assert opt.flow_stats() == stats
    kept = [t for own in opt.state.values() for t in own.values() if t is not None]
    assert all(t.grad_fn is None and not t.requires_grad for t in kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ode_method": "ladder"}, "needs ode_method='euler', .* got 'ladder'"),
        ({"detector": "random"}, "one of 'gradient_norm', .* got 'random'"),
        ({"detector": lambda sight: True}, "one of .* got 'custom'"),
        ({"lr": torch.tensor([0.1, 0.2])}, r"`lr` must be a number, or a tensor \[\]"),
        ({"lr": torch.tensor(-1.0)}, "`lr` must be a finite number of at least 0"),
        ({"capturable": 1}, "`capturable` must be True or False, got 1"),
    ],
)
def test_what_needs_the_host_is_refused(options: dict[str, Any], message: str) -> None:
    given = {"ode_method": "euler", "capturable": True} | options
    with pytest.raises(ValueError, match=message):
        FlowAdam([torch.zeros(2).requires_grad_()], **given)


def test_sparse_gradients_are_refused() -> None:
    table = torch.nn.Embedding(4, 2, sparse=True)
    opt = FlowAdam(table.parameters(), ode_method="euler", capturable=True)

    def closure() -> Tensor:
        loss = table(torch.tensor([1])).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="dense gradients"):
        opt.step(closure)
