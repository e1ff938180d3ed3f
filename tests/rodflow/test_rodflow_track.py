"""Tracking: what it measures, and that what fails has a status."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch
from rodflow_tools import (
    ALTERNATING,
    NAMES,
    STABLE,
    bowl,
    quadratic,
    quartic,
    tensor,
    usual,
    valley,
)
from torch import nn
from torch.nn.functional import mse_loss

from flowadam.rodflow import AlternatingRod, MatrixRod, StableFlow, State, flattened, method, track
from flowadam.rodflow.follower import Follower
from flowadam.rodflow.kinks import kinks

QUICK = (StableFlow(), MatrixRod(rank=2), AlternatingRod())


def network(activation: nn.Module, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 4), activation, nn.Linear(4, 1)).double()


def loss_of(module: nn.Module):
    X = torch.linspace(-1, 1, 12, dtype=torch.float64).view(6, 2)
    return flattened(module, lambda net: mse_loss(net(X), X.prod(1, keepdim=True)))


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_measured(name: str) -> None:
    steps, every = 12, 4
    found = track(bowl, tensor(1, -0.5), usual(name), steps=steps, flows=QUICK, every=every)
    run = found.run
    assert run.status == "ok" and run.kinks == ()
    assert len(run.losses) == steps + 1 and len(run.amplitudes) == steps - 1
    assert run.marks == (0, 4, 8) and len(run.sharpness) == 3
    assert run.gradients == steps + found.method.adapts  # the usual start of nu takes one
    assert 0 < run.probe_gradients <= 3 * 4  # a gradient and 2 or 3 products each
    for trail in found.trails.values():
        assert trail.status == "ok" and trail.steps == steps - 1
        assert len(trail.errors) == len(trail.extents) == steps - 1
        assert len(trail.losses) == 2
        assert all(map(math.isfinite, trail.errors))
    assert found.trails[ALTERNATING].gradients_per_step == 12
    assert found.trails["rod flow (matrix, rank 2)"].gradients_per_step == 80
    with pytest.raises(FrozenInstanceError):
        found.run = None  # pyright: ignore[reportAttributeAccessIssue]


def test_the_rod_tracks_through_the_edge_and_the_stable_flow_does_not() -> None:
    one = method("gd", 0.2)
    found = track(valley, tensor(0.02, 2.95), one, steps=130, flows=(QUICK[0], QUICK[2]), every=10)
    assert found.run.onset is not None and found.run.onset > 0
    assert found.ratio(ALTERNATING) > 10
    assert found.eos_error(ALTERNATING) < 5e-4 < found.eos_error(STABLE)
    late = slice(found.run.onset, None)
    amplitudes, extents = found.run.amplitudes[1:][late], found.trails[ALTERNATING].extents[late]
    assert max(amplitudes) == pytest.approx(max(extents), rel=0.1)
    assert set(found.trails[STABLE].extents) == {0.0}


def test_without_an_onset_there_is_no_error_after_it() -> None:
    found = track(bowl, tensor(1, -0.5), method("gd", 0.01), steps=5, flows=QUICK[:1])
    assert found.run.onset is None
    assert math.isnan(found.eos_error(STABLE)) and math.isnan(found.ratio(STABLE))


def test_a_state_can_be_the_start() -> None:
    one = usual("adam")
    state = State(tensor(1, -0.5), tensor(0.1, 0.1), tensor(0.2, 0.2))
    found = track(bowl, state, one, steps=4, flows=QUICK)
    assert found.run.gradients == 4


def test_the_noise_floor_keeps_the_rod_alive() -> None:
    flows = {floor: AlternatingRod(floor=floor) for floor in (0.0, 1e-3)}
    found = {
        floor: track(quadratic(0.5, 0.2), tensor(1, 1), method("gd", 0.5), steps=30, flows=[flow])
        for floor, flow in flows.items()
    }
    assert found[0.0].trails[ALTERNATING].extents[-1] < 1e-10
    assert found[1e-3].trails[ALTERNATING].extents[-1] == pytest.approx(1e-3)


FAILURES = {
    "diverges": (quadratic(1.0, 0.1), (1.0, 1.0), 5.0, {"diverged"}),
    "beyond any stability": (quadratic(1e4, 1.0), (1.0, 1.0), 10.0, {"diverged"}),
    "explodes": (quartic, (3.0,), 2.0, {"diverged", "not finite"}),
    "nan at the start": (lambda w: w.log().sum(), (-1.0, 1.0), 0.1, {"not finite"}),
    "nan on the way": (lambda w: w.log().sum(), (0.5, 1.0), 0.1, {"not finite"}),
    "infinite": (lambda w: (1 / w.abs()).sum() * math.inf, (1.0, 1.0), 0.1, {"not finite"}),
}


@pytest.mark.parametrize("name", ["gd", "snadam"])
@pytest.mark.parametrize("case", FAILURES)
def test_a_run_that_fails_has_a_status(case: str, name: str) -> None:
    loss, start, lr, statuses = FAILURES[case]
    found = track(loss, tensor(*start), method(name, lr), steps=16, flows=QUICK, every=20)
    if not found.method.adapts:
        assert found.run.status in statuses
    for trail in found.trails.values():
        assert trail.status in {"ok", "diverged", "stiff", "not finite"}
        assert len(trail.errors) == max(len(found.run.losses) - 2, 0)


def test_a_stable_flow_beyond_its_substeps_is_stiff() -> None:
    found = track(
        quadratic(1e5, 1.0), tensor(1e-3, 1), method("rmsprop", 10.0), steps=5, flows=QUICK[:1]
    )
    trail = found.trails[STABLE]
    assert trail.status == "stiff" and trail.steps == 0
    assert math.isnan(trail.gradients_per_step) and trail.mean_error() == math.inf


@pytest.mark.parametrize(
    ("activation", "names"),
    [
        (nn.ReLU(), ("Relu",)),
        (nn.LeakyReLU(), ("LeakyRelu",)),
        (nn.Hardtanh(), ("Hardtanh",)),
        (nn.Tanh(), ()),
        (nn.GELU(), ()),
        (nn.SiLU(), ()),
        (nn.Softplus(), ()),
    ],
)
def test_kinks_are_named(activation: nn.Module, names: tuple[str, ...]) -> None:
    loss, start = loss_of(network(activation))
    assert kinks(loss, start) == names
    found = track(loss, start, method("gd", 0.1), steps=4, flows=QUICK)
    wanted = "not smooth" if names else "ok"
    assert found.run.status == wanted and found.run.kinks == names
    assert {trail.status for trail in found.trails.values()} == {wanted}


def test_a_module_is_a_function_of_its_flat_parameters() -> None:
    module = network(nn.Tanh())
    module[0].bias.requires_grad_(False)
    loss, start = loss_of(module)
    assert len(start) == 8 + 4 + 1
    X = torch.linspace(-1, 1, 12, dtype=torch.float64).view(6, 2)
    direct = mse_loss(module(X), X.prod(1, keepdim=True))
    assert float(loss(start)) == pytest.approx(float(direct.detach()), rel=1e-12)
    before = [p.clone() for p in module.parameters()]
    track(loss, start, method("adam", 0.1), steps=4, flows=QUICK)
    for p, kept in zip(module.parameters(), before, strict=True):
        assert torch.equal(p, kept) and p.grad is None


def test_a_module_without_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="must have a parameter"):
        flattened(nn.Tanh(), lambda net: net(torch.ones(1)).sum())


def test_a_flow_that_ended_has_no_errors_after() -> None:
    one = method("gd", 5.0)
    states = tuple(State(tensor(value), tensor(), tensor()) for value in (1.0, 2.0, 1.0))
    follower = Follower(AlternatingRod(), one, quadratic(4.0), states)
    for _ in range(40):
        follower.step(tensor(0.0))
        follower.read_loss()
    trail = follower.trail()
    assert trail.status in {"diverged", "not finite"} and trail.steps < 40
    assert math.isnan(trail.errors[-1]) and math.isnan(trail.extents[-1])
    assert math.isnan(trail.losses[-1]) and trail.mean_error() == math.inf


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"start": [1.0, 2.0]}, "`start` must be a tensor .* got list"),
        ({"method": "gd"}, "`method` must be a Method, .* got 'gd'"),
        (
            {"loss": lambda w: w * w},
            r"`loss` must return a tensor without dimensions .* shape \[2\]",
        ),
        ({"loss": lambda w: 1.0}, "got float"),
        ({"loss": lambda w: torch.tensor(1.0)}, "depends on w by autograd.* detached from w"),
        ({"loss": lambda w: bowl(w) * (1 if w.sum().item() else 2)}, "torch.func.vmap takes"),
        ({"loss": lambda w: bowl(w) + torch.rand(()) * w.sum()}, "random numbers"),
        ({"start": torch.ones(2, dtype=torch.int64)}, r"float32 or float64, got torch.int64 \[2\]"),
        ({"start": torch.ones(2, dtype=torch.float16)}, "got torch.float16"),
        ({"start": tensor(1, 2).view(2, 1)}, r"vector \[d\] .* got torch.float64 \[2, 1\]"),
        ({"start": State(tensor(1, 2), tensor(1), tensor())}, r"`m` of gd must have shape \[0\]"),
        (
            {
                "start": State(tensor(1, 2), tensor(), tensor(1, -1)),
                "method": method("rmsprop", 0.1),
            },
            "`nu` must not be negative, got -1.0",
        ),
        ({"flows": ["rod"]}, r"`flows` must be flows, .* got \['rod'\]"),
        ({"flows": [StableFlow]}, "`flows` must be flows"),
    ],
)
def test_what_cannot_be_tracked_is_said(change: dict[str, Any], sentence: str) -> None:
    fine: dict[str, Any] = {"loss": bowl, "start": tensor(1, 2), "method": method("gd", 0.1)}
    with pytest.raises(ValueError, match=sentence):
        track(**(fine | change), steps=3)


def test_a_loss_with_branches_is_tracked_without_the_matrix_rod() -> None:
    def loss(w: torch.Tensor) -> torch.Tensor:
        assert w.sum().item()
        return bowl(w)

    found = track(loss, tensor(1, 2), method("gd", 0.1), steps=4, flows=[AlternatingRod()])
    assert found.run.status == "ok"


@pytest.mark.parametrize("name", ["gd", "adam"])
def test_a_slope_that_is_constant_but_for_kinks_has_a_status(name: str) -> None:
    found = track(lambda w: w.abs().sum(), tensor(0.3, -0.2), method(name, 0.01), steps=5)
    assert {trail.status for trail in found.trails.values()} == {"not smooth"}


@pytest.mark.parametrize("layer", [torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5)])
def test_modules_that_draw_or_remember_are_refused(layer: torch.nn.Module) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), layer).double()
    with pytest.raises(ValueError, match=f"eval mode, '1' .{type(layer).__name__}. is in training"):
        flattened(module, lambda net: net(torch.ones(3, 2).double()).square().sum())
    flattened(module.eval(), lambda net: net(torch.ones(3, 2).double()).square().sum())
