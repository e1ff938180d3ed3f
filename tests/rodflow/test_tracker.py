"""The optimizer that takes flows along: its steps, its errors, its cost, its endings."""

from __future__ import annotations

import math

import pytest
import torch
from rodflow_tools import NAMES, bowl, iterates, quadratic, tensor, usual
from torch import Tensor

from flowadam.probes import TRACKING
from flowadam.rodflow import Gradients, Tracker, start, track
from flowadam.rodflow.companions import FLOWS
from flowadam.rodflow.gradients import Loss
from flowadam.rodflow.tracker import READINGS

START = tensor(0.9, -0.4, 1.3)


class Loop:
    """A training loop around a tracker; counts its closure's calls."""

    def __init__(self, loss: Loss, name: str, lr: float, **options: float) -> None:
        self.leaves = [START[:1].clone().requires_grad_(), START[1:].clone().requires_grad_()]
        self.loss, self.calls = loss, 0
        self.tracker = Tracker(self.leaves, method=name, lr=lr, **options)  # pyright: ignore

    def run(self, steps: int) -> list[float]:
        return [float(self.tracker.step(self.closure)) for _ in range(steps)]

    def closure(self) -> Tensor:
        self.calls += 1
        for leaf in self.leaves:
            leaf.grad = None
        loss = self.loss(torch.cat(self.leaves))
        loss.backward()
        return loss

    @property
    def w(self) -> Tensor:
        return torch.cat(self.leaves).detach()


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_are_those_of_the_method(name: str) -> None:
    """Whatever the flows evaluate in between, and with every loss as it was before the step."""
    method = usual(name)
    loop = Loop(bowl, name, method.lr, approach=0, kick=0.0)
    losses = loop.run(6)
    states = iterates(bowl, method, start(method, Gradients(bowl), START), 6)
    torch.testing.assert_close(loop.w, states[-1].w, rtol=0, atol=1e-14)
    assert losses == pytest.approx([float(bowl(state.w)) for state in states[:-1]], rel=1e-13)


@pytest.mark.parametrize("name", ["gd", "nadam"])
def test_errors_are_those_of_track(name: str) -> None:
    method = usual(name)
    loop = Loop(bowl, name, method.lr, approach=0, kick=0.0)
    loop.run(8)
    tracking = track(bowl, START, method, steps=8, flows=list(FLOWS.values()))
    found = loop.tracker.readings()
    for flow, trail in zip(FLOWS, tracking.trails.values(), strict=True):
        assert found[f"{flow}_error"] == pytest.approx(trail.errors[-1], rel=1e-5, abs=1e-9)
        assert found[f"{flow}_extent"] == pytest.approx(trail.extents[-1], rel=1e-5, abs=1e-9)
        assert found[f"{flow}_gradients"] == pytest.approx(trail.gradients_per_step)
    assert found["oscillation"] == pytest.approx(tracking.run.amplitudes[-1])


def test_the_first_call_goes_to_the_edge() -> None:
    """In the valley the sharpness 1 + y^2 rises to 2 / lr; the flows start below it."""

    def valley(w: Tensor) -> Tensor:
        return (1 + w[1] ** 2) * w[0] ** 2 / 2 - 0.02 * w[1] + w[2] ** 2 / 2

    loop = Loop(valley, "gd", 0.4)
    loop.run(1)
    found = loop.tracker.readings()
    assert found["edge"] == pytest.approx(0.95, abs=0.03)
    assert found["approach_steps"] % 8 == 0
    assert math.isnan(found["onset"])
    errors = []
    for _ in range(80):
        loop.run(1)
        errors.append(loop.tracker.readings()["rod_error"])
    found = loop.tracker.readings()
    assert found["onset"] < 60
    late = errors[int(found["onset"]) - 1 :]  # the second call goes to t = 1
    assert found["rod_mean"] == pytest.approx(sum(late) / len(late))
    assert found["rod_mean"] < 0.5 * found["stable_mean"]
    assert found["rod_extent"] == pytest.approx(found["oscillation"], rel=0.2)


def test_a_run_that_never_comes_there_says_so() -> None:
    loop = Loop(quadratic(1.0, 0.5, 0.1), "gd", 1.0, approach=20)
    loop.run(12)
    found = loop.tracker.readings()
    assert found["approach_steps"] == 20
    assert found["edge"] == pytest.approx(0.5)
    assert math.isnan(found["onset"]) and math.isnan(found["rod_mean"])
    assert found["rod_error"] < 1e-3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lr", [1e3, 1e200])
def test_rates_beyond_any_stability_end_with_a_status(name: str, lr: float) -> None:
    loop = Loop(lambda w: (w**4).sum(), name, lr)
    loop.run(12)
    assert loop.tracker.status in ("ok", "diverged", "not finite")
    assert set(loop.tracker.readings()) == set(READINGS)
    assert all(loop.tracker.flow_status(flow) for flow in FLOWS)


def test_a_run_that_leaves_all_bounds_returns_nan() -> None:
    loop = Loop(lambda w: (w**4).sum(), "gd", 1e3)
    assert math.isnan(loop.run(12)[-1])
    assert loop.tracker.status != "ok"


def test_every_call_of_the_closure_is_a_gradient_of_something() -> None:
    """1 for the step, the flows' own, 5 losses every 4 steps, and readings of the sharpness."""
    loop = Loop(bowl, "gd", 0.3, approach=0, every=1000)
    loop.run(10)
    found = loop.tracker.readings()
    flows = sum(found[f"{flow}_gradients"] * found[f"{flow}_steps"] for flow in FLOWS)
    assert loop.calls == 10 + flows + 5


def test_a_closure_is_needed() -> None:
    with pytest.raises(ValueError, match="`closure` must evaluate loss and gradient, got None"):
        Tracker([START.clone().requires_grad_()], method="gd", lr=0.1).step()


def test_probes_are_readings() -> None:
    assert set(TRACKING) <= set(READINGS)
