"""FlowAdam against recorded trajectories of an independent, accurate implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from optim_golden import LOSSES, Golden, load
from torch import Tensor

from flowadam.optim import FlowAdam

TOLERANCE = dict.fromkeys(LOSSES, 1e-06) | {"rosenbrock_custom": 1e-5}

# Largest deviation of one Euler step per flow on the files whose field is smooth, rounded up.
EULER_DEVIATION = {
    "matrix_completion_modeB": 1.2e-4,
    "robust_factorization_gamma0": 7e-7,
    "minibatch_regression_modeA": 1.2e-4,
}


@dataclass
class Run:
    """What one run produced, to be compared with the recording."""

    golden: Golden
    opt: FlowAdam
    flags: list[bool]
    losses: list[float]
    points: dict[int, np.ndarray]
    second_order: Tensor

    @property
    def deviation(self) -> float:
        """Largest deviation from the exact trajectory over all recorded points."""
        record = self.golden.record
        rows = zip(record["traj_steps"].tolist(), record["traj_exact"], strict=True)
        return max(float(np.abs(self.points[k] - row).max()) for k, row in rows)


def run(name: str, **options: Any) -> Run:
    golden = load(name)
    opt = FlowAdam(golden.params, **(golden.options | options))
    result = Run(golden, opt, [], [], {0: golden.point()}, torch.zeros(len(golden.point())))
    for step in range(int(golden.record["n_steps"])):

        def closure(step: int = step) -> Tensor:
            opt.zero_grad()
            loss = golden.loss(step)
            loss.backward()
            return loss

        before = opt.flow_stats()["flow_steps"]
        result.losses.append(float(opt.step(closure)))
        result.flags.append(opt.flow_stats()["flow_steps"] > before)
        result.points[step + 1] = golden.point()
        if result.flags[-1]:
            result.second_order += second_order_terms(golden, opt, step)
    return result


def second_order_terms(golden: Golden, opt: FlowAdam, step: int) -> Tensor:
    """Bound what one Euler step of the flow leaves out, to second order, per coordinate.

    Euler uses the slope at the start, q0, instead of its mean over the way, (q0 + q1) / 2 up to
    third order. With D = |g1 - g0|, the parameters are off by h/2 D. The injected velocity is off
    by s/2 D, the momentum by gamma s/2 D, and each later Adam step repeats beta1^j of that over
    sqrt(v / c2): together lr gamma s/2 D beta1 / (1 - beta1) / sqrt(v / c2).
    """
    group = opt.param_groups[0]
    lr, s, gamma = group["lr"], group["ode_t_scale"], group["momentum_blend_gamma"]
    beta1, beta2 = group["betas"]
    ends = torch.autograd.grad(golden.loss(step), golden.params)
    terms = []
    for p, end in zip(golden.params, ends, strict=True):
        assert p.grad is not None
        change = (end - p.grad).abs()
        root = (opt.state[p]["exp_avg_sq"] / (1 - beta2 ** opt.state[p]["step"][0])).sqrt()
        echo = gamma * beta1 / (1 - beta1) / root
        terms.append((lr * s / 2 * change * (1 + echo)).reshape(-1))
    return torch.cat(terms)


@pytest.mark.parametrize("name", LOSSES)
def test_accurate_solver_follows_the_recording(name: str) -> None:
    result, tolerance = run(name, ode_method="dopri5", ode_tol=1e-10), TOLERANCE[name]
    record, opt = result.golden.record, result.opt
    assert result.flags == record["ode_flag_exact"].tolist()
    assert result.deviation <= tolerance
    assert opt.flow_stats()["fallbacks"] == 0
    for p, key in zip(result.golden.params, record["param_names"], strict=True):
        state = opt.state[p]
        assert state["step"] == [int(record["adam_steps_exact"])]
        for moment in ("exp_avg", "exp_avg_sq"):
            np.testing.assert_allclose(
                state[moment].numpy(), record[f"{moment}_{key}_exact"], rtol=0, atol=tolerance
            )


@pytest.mark.parametrize("name", EULER_DEVIATION)
def test_ladder_deviates_by_the_second_order_term_at_most(name: str) -> None:
    result = run(name)
    assert result.flags == result.golden.record["ode_flag_exact"].tolist()
    assert result.deviation <= float(result.second_order.max())
    assert result.deviation <= EULER_DEVIATION[name]
    stats = result.opt.flow_stats()
    assert stats["field_evals"] == stats["flow_steps"]


def test_losses_are_those_before_the_update() -> None:
    result = run("deep_linear_gamma1", ode_method="dopri5", ode_tol=1e-10)
    np.testing.assert_allclose(result.losses, result.golden.record["loss_exact"], atol=1e-6)


def test_ladder_stays_inside_its_tolerance_on_a_stiff_kinked_field() -> None:
    """Every end point on Rosenbrock against a solve to 1e-10 from the same start."""
    tol, outside, golden = 1e-4, 0, load("rosenbrock_custom")
    opt = FlowAdam(golden.params, **golden.options)
    other = load("rosenbrock_custom")
    accurate = FlowAdam(other.params, **other.options)
    for step in range(int(golden.record["n_steps"])):
        with torch.no_grad():
            other.params[0].copy_(golden.params[0])
        accurate.load_state_dict(opt.state_dict())
        accurate.param_groups[0].update(ode_method="dopri5", ode_tol=1e-10)
        for optimizer, problem in ((opt, golden), (accurate, other)):

            def closure(problem: Golden = problem, step: int = step) -> Tensor:
                problem.params[0].grad = None
                loss = problem.loss(step)
                loss.backward()
                return loss

            optimizer.step(closure)
        error = np.abs(golden.point() - other.point())
        outside += np.sqrt(np.mean((error / (tol + tol * np.abs(other.point()))) ** 2)) > 1
    stats = opt.flow_stats()
    assert outside == 0
    assert stats["flow_steps"] == golden.record["ode_flag_exact"].sum()
    assert stats["field_evals"] <= 15 * stats["flow_steps"]


@pytest.mark.parametrize("name", LOSSES)
def test_published_is_the_published_code(name: str) -> None:
    """Same decisions, same evaluations in every flow, parameters to rounding."""
    golden = load(name)
    options = golden.options | {"ode_tol": golden.record["hyper_ode_tol"].item()}
    opt = FlowAdam.published(golden.params, **options)
    flags, evals = [], []
    rows = dict(zip(golden.record["traj_steps"].tolist(), golden.record["traj"], strict=True))
    for step in range(int(golden.record["n_steps"])):

        def closure(step: int = step) -> Tensor:
            opt.zero_grad()
            loss = golden.loss(step)
            loss.backward()
            return loss

        before = opt.flow_stats()
        opt.step(closure)
        after = opt.flow_stats()
        flags.append(after["flow_steps"] > before["flow_steps"])
        if flags[-1]:
            evals.append(after["field_evals"] - before["field_evals"])
        if step + 1 in rows:
            np.testing.assert_allclose(golden.point(), rows[step + 1], rtol=0, atol=1e-11)
    assert flags == golden.record["ode_flag"].tolist()
    assert evals == golden.record["nfe"].tolist()
