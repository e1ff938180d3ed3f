"""One flow step: where it goes and what it leaves in the momentum."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optim_problems import Quadratic, copies, equal, flowing, train
from torch import Tensor
from torchdiffeq._impl.odeint import SOLVERS

from flowadam.optim import FlowAdam
from flowadam.optim.field import SolverFailure
from flowadam.optim.heun import adaptive_heun
from flowadam.optim.ode import METHODS

LR, SCALE, CLIP, GAMMA = 0.01, 0.7, 0.2, 0.3


def step_by_hand(injection: str) -> tuple[Quadratic, FlowAdam, list[Tensor], list[Tensor]]:
    """Make one flow step; return problem, optimizer and what parameters and momentum should be."""
    problem, opt = flowing(
        ode_t_scale=SCALE, clip_value=CLIP, momentum_blend_gamma=GAMMA, injection=injection
    )
    points, moments = [], []
    for p, g in zip(problem.params, problem.gradients(), strict=True):
        m = opt.state[p]["exp_avg"].clone()
        w = SCALE * g.clamp(-CLIP, CLIP)
        q = min(1.0, 5 * float(m.norm()) / float(w.norm()))
        blended = {"soft": (1 - GAMMA) * m + GAMMA * q * w, "hard": w, "none": m}
        points.append(p.detach() - LR * w)
        moments.append(blended[injection])
    opt.step(problem.closure)
    counts = {"steps": 12, "flow_steps": 1, "field_evals": 1, "fallbacks": 0}
    assert counts.items() <= opt.flow_stats().items()
    return problem, opt, points, moments


@pytest.mark.parametrize("injection", ["soft", "hard", "none"])
def test_one_flow_step_by_hand(injection: str) -> None:
    problem, opt, points, moments = step_by_hand(injection)
    for p, point, moment in zip(problem.params, points, moments, strict=True):
        torch.testing.assert_close(p.detach(), point, rtol=1e-13, atol=1e-15)
        torch.testing.assert_close(opt.state[p]["exp_avg"], moment, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("method", ["ladder", "dopri5", "euler"])
@pytest.mark.parametrize("injection", ["soft", "hard", "none"])
def test_second_moments_and_step_counters_stay(injection: str, method: str) -> None:
    problem, opt = flowing(injection=injection, ode_method=method)
    before = [opt.state[p]["exp_avg_sq"].clone() for p in problem.params]
    train(opt, problem.closure, 3)
    assert opt.flow_stats()["flow_steps"] == 3
    assert equal([opt.state[p]["exp_avg_sq"] for p in problem.params], before)
    assert [opt.state[p]["step"] for p in problem.params] == [[11], [11]]


def test_cap_limits_the_velocity_to_five_times_the_momentum_of_each_tensor() -> None:
    options = {"momentum_blend_gamma": 1.0, "clip_value": math.inf, "ode_tol": 1e-2}
    problem, opt = flowing(ode_t_scale=2.0, **options)
    small = problem.params[0]
    opt.state[small]["exp_avg"].mul_(1e-3)
    length = float(opt.state[small]["exp_avg"].norm())
    w = [2.0 * g for g in problem.gradients()]
    opt.step(problem.closure)
    assert opt.flow_stats()["capped_injections"] == 1
    capped, free = (opt.state[p]["exp_avg"] for p in problem.params)
    assert float(capped.norm()) == pytest.approx(5 * length, rel=1e-6)
    torch.testing.assert_close(capped / capped.norm(), w[0] / w[0].norm())
    torch.testing.assert_close(free, w[1])


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_ends_of_gamma(gamma: float) -> None:
    problem, opt = flowing(momentum_blend_gamma=gamma, ode_t_scale=0.1)
    moments = copies([opt.state[p]["exp_avg"] for p in problem.params])
    slopes = [0.1 * g.clamp(-1, 1) for g in problem.gradients()]
    opt.step(problem.closure)
    expected = slopes if gamma else moments
    for p, m in zip(problem.params, expected, strict=True):
        torch.testing.assert_close(opt.state[p]["exp_avg"], m, rtol=1e-13, atol=0)


def test_difference_velocity_loses_digits_in_float32_and_slope_does_not() -> None:
    errors = {}
    for option in ("slope", "difference"):
        problem = Quadratic(torch.float32)
        opt = FlowAdam(
            problem.params,
            lr=1e-5,
            switch_sensitivity=1e6,
            injection="hard",
            velocity=option,
            clip_value=math.inf,
        )
        train(opt, problem.closure, 11)
        exact = torch.cat([0.5 * g.reshape(-1) for g in problem.gradients()])
        opt.step(problem.closure)
        w = torch.cat([opt.state[p]["exp_avg"].reshape(-1) for p in problem.params])
        errors[option] = float((w - exact).norm() / exact.norm())
    assert errors["slope"] < 1e-6
    assert errors["difference"] > 1e-4


@pytest.mark.parametrize("velocity", ["slope", "difference"])
def test_solvers_inject_displacement_over_lr(velocity: str) -> None:
    problem, opt = flowing(ode_method="dopri5", injection="hard", velocity=velocity)
    start = copies(problem.params)
    opt.step(problem.closure)
    for p, old in zip(problem.params, start, strict=True):
        torch.testing.assert_close(
            opt.state[p]["exp_avg"], (old - p.detach()) / LR, rtol=1e-9, atol=0
        )


@pytest.mark.parametrize("method", ["ladder", "dopri5", "euler"])
def test_lr_zero_moves_nothing_and_stays_finite(method: str) -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=0.0, switch_sensitivity=1e6, ode_method=method)
    start = copies(problem.params)
    train(opt, problem.closure, 20)
    assert equal(problem.params, start)
    assert opt.flow_stats()["flow_steps"] == 9
    assert all(torch.isfinite(opt.state[p]["exp_avg"]).all() for p in problem.params)


@pytest.mark.parametrize("velocity", ["slope", "difference"])
@pytest.mark.parametrize("clip_value", [0.3, 1e3])
def test_euler_is_the_ladders_first_rung_without_its_evaluation(
    velocity: str, clip_value: float
) -> None:
    options: dict[str, Any] = {"velocity": velocity, "clip_value": clip_value}
    checked, ladder = flowing(ode_tol=1e3, **options)
    bare, euler = flowing(ode_method="euler", **options)
    before = bare.calls, checked.calls
    train(ladder, checked.closure, 30)
    train(euler, bare.closure, 30)
    assert (bare.calls - before[0], checked.calls - before[1]) == (30, 60)
    assert equal(bare.params, checked.params)
    one, other = euler.flow_stats(), ladder.flow_stats()
    assert (one.pop("field_evals"), other.pop("field_evals")) == (0, 30)
    assert one == other
    assert (one["clipped_share"] > 0) is (clip_value < 1)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reaches_the_exact_end_and_never_looks_beyond_it(method: str) -> None:
    """x' = -h a (x - 1) has the solution 1 + (x0 - 1) exp(-h a); no coordinate moves over h c."""
    problem, opt = flowing(ode_method=method, ode_tol=1e-6, clip_value=1e3)
    h = LR * 0.5
    start = copies(problem.params)
    farthest = 0.0

    def closure() -> Tensor:
        nonlocal farthest
        for p, old, a in zip(problem.params, start, problem.scales, strict=True):
            full = h * a * (old - 1).abs()
            farthest = max(farthest, float(((p.detach() - old).abs() / full).max()))
        return problem.closure()

    opt.step(closure)
    assert opt.flow_stats()["flow_steps"] == 1
    assert farthest <= 1 + 1e-6
    for p, old, a in zip(problem.params, start, problem.scales, strict=True):
        exact = 1 + (old - 1) * torch.exp(-h * a)
        second_order = float(((h * a) ** 2 / 2 * (old - 1)).abs().max())
        atol = second_order if method == "euler" else 5e-6
        torch.testing.assert_close(p.detach(), exact, rtol=0, atol=atol)
        assert second_order > 1e-5


def test_methods_are_those_of_torchdiffeq() -> None:
    assert set(METHODS) == {"ladder", *SOLVERS}


@given(
    rate=st.floats(0.1, 50),
    tol=st.sampled_from([1e-2, 1e-3]),
    first=st.floats(0.01, 1),
)
@settings(max_examples=40, deadline=None)
def test_adaptive_heun_keeps_its_tolerance(rate: float, tol: float, first: float) -> None:
    """Decay y' = -rate y: local errors of every step are in, and decay forgets them."""
    y = adaptive_heun(Decay(rate), tol, first)
    exact = torch.exp(torch.tensor(-rate, dtype=torch.float64))
    assert float((y - exact).abs()) <= 2 * tol


def test_adaptive_heun_gives_up_before_a_wall() -> None:
    with pytest.raises(SolverFailure):
        adaptive_heun(Decay(1.0, wall=0.7), 1e-4, 1.0)


class Decay:
    """y' = -rate y from y = 1, undefined below `wall`; stands for a flow of one parameter."""

    def __init__(self, rate: float, wall: float = -math.inf) -> None:
        self.rate, self.wall = rate, wall
        self.start = torch.ones(1, dtype=torch.float64)
        self.start_slope = self(self.start)

    def __call__(self, y: Tensor) -> Tensor:
        return torch.where(y < self.wall, math.nan, -self.rate * y)


def options_differ(**changed: Any) -> bool:
    ends = []
    for options in ({}, changed):
        problem, opt = flowing(**options)
        train(opt, problem.closure, 4)
        ends.append(problem.params)
    return not equal(*ends)


@pytest.mark.parametrize(
    "changed",
    [
        {"ode_t_scale": 0.6},
        {"clip_value": 0.01},
        {"momentum_blend_gamma": 0.4},
        {"injection": "hard"},
        {"ode_method": "dopri5"},
        {"velocity": "difference"},
        {"switch_sensitivity": 0.5},
    ],
)
def test_each_option_changes_the_trajectory(changed: dict[str, Any]) -> None:
    if "momentum_blend_gamma" in changed or "injection" in changed or "velocity" in changed:
        changed = changed | {"switch_sensitivity": 0.9}
    assert options_differ(**changed)
