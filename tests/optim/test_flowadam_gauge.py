"""Which variants of FlowAdam see the basis of a factorization, and other exact properties."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optim_problems import ALWAYS, NEVER, Quadratic, copies, equal, train
from torch import Tensor

from flowadam.optim import FlowAdam

EQUIVARIANT = {"precond_power": 0.0, "precond_scalar": "rms", "clip_mode": "global_norm"}
BREAKING: dict[str, dict[str, Any]] = {
    "entrywise Adam": {"precond_power": 1.0},
    "half-way dial": {"precond_power": 0.5},
    "geometric mean": {"precond_scalar": "geomean"},
    "clip per coordinate": {"clip_mode": "coordinate", "clip_value": 1e-3},
}
LR, STEPS = 0.02, 40


def tensor(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(seed: int) -> Tensor:
    return torch.linalg.qr(tensor(3, 3, seed=seed)).Q


class Sensing:
    """L(U, V) = mean_i (<A_i, U V^T> - y_i)^2, a function of the product alone."""

    def __init__(self, seed: int, Q: Tensor | None = None) -> None:
        self.A, self.y = tensor(20, 36, seed=seed), tensor(20, seed=seed + 1)
        factors = [0.3 * tensor(6, 3, seed=seed + i) for i in (2, 3)]
        self.params = [(f if Q is None else f @ Q).clone().requires_grad_() for f in factors]

    def closure(self) -> Tensor:
        for p in self.params:
            p.grad = None
        U, V = self.params
        loss = (self.A @ (U @ V.T).reshape(-1) - self.y).square().mean()
        loss.backward()
        return loss


def violation(seed: int, options: dict[str, Any]) -> tuple[float, int]:
    """Return the largest relative distance of (U Q, V Q) from the rotated start, and the flows."""
    Q = rotation(seed + 9)
    plain, rotated = Sensing(seed), Sensing(seed, Q)
    worst, flows = 0.0, 0
    opts = [FlowAdam(p.params, lr=LR, **options) for p in (plain, rotated)]
    for _ in range(STEPS):
        for opt, problem in zip(opts, (plain, rotated), strict=True):
            opt.step(problem.closure)
        for p, q in zip(plain.params, rotated.params, strict=True):
            gap = torch.linalg.matrix_norm(q.detach() - p.detach() @ Q)
            worst = max(worst, float(gap / torch.linalg.matrix_norm(p.detach())))
        flows = opts[0].flow_stats()["flow_steps"]
    return worst, flows


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    method=st.sampled_from(["ladder", "euler", "rk4"]),
    clip=st.sampled_from([0.05, 2.0, math.inf]),
)
def test_the_isotropic_variant_does_not_see_the_basis(seed: int, method: str, clip: float) -> None:
    options = {**EQUIVARIANT, "clip_value": clip, "ode_method": method, "ode_tol": 1e3}
    worst, flows = violation(seed, {**options, "mode": "B"})
    assert worst < 1e-9
    assert flows > 5


@pytest.mark.parametrize("name", BREAKING)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_other_variant_sees_it(name: str, seed: int) -> None:
    options = {**EQUIVARIANT, "clip_value": 0.5, "mode": "B", **BREAKING[name]}
    assert violation(seed, options)[0] > 1e-3


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), shift=st.integers(-12, 12), p=st.sampled_from([0.0, 0.5, 1.0]))
def test_steps_do_not_depend_on_the_scale_of_the_loss(seed: int, shift: int, p: float) -> None:
    """With eps = 0 a loss times 2^k gives the same Adam steps, and the same first trigger."""
    ends, firsts = [], []
    for factor in (1.0, 2.0**shift):
        problem = Sensing(seed)
        opt = FlowAdam(problem.params, lr=LR, eps=0.0, precond_power=p, mode="p")

        def closure(problem: Sensing = problem, factor: float = factor) -> Tensor:
            loss = problem.closure() * factor
            for q in problem.params:
                assert q.grad is not None
                q.grad *= factor
            return loss

        points = []
        for _ in range(60):
            opt.step(closure)
            if opt.flow_stats()["flow_steps"]:
                break
            points.append(copies(problem.params))
        ends.append(points)
        firsts.append(len(points))
    assert firsts[0] == firsts[1]
    for one, other in zip(*ends, strict=True):
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)


@given(seed=st.integers(0, 10_000), steps=st.integers(1, 30))
def test_at_p_0_the_step_is_parallel_to_the_momentum(seed: int, steps: int) -> None:
    """Its length is lr |m_hat| / (S + 2 eps), S^2 the average of the pooled mean of g^2."""
    eps = 1e-3
    problem = Sensing(seed)
    opt = FlowAdam(problem.params, lr=LR, eps=eps, precond_power=0.0, **NEVER)
    pooled = 0.0
    for _ in range(steps):
        before = copies(problem.params)
        opt.step(problem.closure)
        gradients = [p.grad for p in problem.params if p.grad is not None]
        entries = torch.cat([g.reshape(-1) for g in gradients])
        pooled = 0.999 * pooled + 0.001 * float(entries.square().mean())
    scalar = math.sqrt(pooled / (1 - 0.999**steps))
    for p, old in zip(problem.params, before, strict=True):
        m_hat = opt.state[p]["exp_avg"] / (1 - 0.9**steps)
        expected = old - LR * m_hat / (scalar + 2 * eps)
        torch.testing.assert_close(p.detach(), expected, rtol=1e-11, atol=1e-12)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), clip=st.floats(1e-3, 10))
def test_a_clipped_norm_keeps_the_direction_and_bounds_the_way(seed: int, clip: float) -> None:
    problem = Sensing(seed)
    options = {"clip_mode": "global_norm", "clip_value": clip, "ode_tol": 1e9}
    opt = FlowAdam(problem.params, lr=LR, ode_t_scale=0.7, **options, **ALWAYS)
    train(opt, problem.closure, 11)
    before = copies(problem.params)
    opt.step(problem.closure)
    way = torch.cat(
        [(p.detach() - b).reshape(-1) for p, b in zip(problem.params, before, strict=True)]
    )
    gradient = torch.cat([p.grad.reshape(-1) for p in problem.params if p.grad is not None])
    length = min(float(gradient.norm()), clip)
    torch.testing.assert_close(
        way, -LR * 0.7 * length * gradient / gradient.norm(), rtol=1e-8, atol=1e-13
    )
    stats = opt.flow_stats()
    assert stats["clipped_share"] == float(gradient.norm() > clip)


@pytest.mark.parametrize("clip_mode", ["coordinate", "global_norm"])
@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_a_flow_step_leaves_second_moments_alone(clip_mode: str, power: float) -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=LR, clip_mode=clip_mode, precond_power=power, **ALWAYS)
    train(opt, problem.closure, 11)
    before = [opt.state[p]["exp_avg_sq"].clone() for p in problem.params]
    train(opt, problem.closure, 4)
    assert opt.flow_stats()["flow_steps"] == 4
    assert equal([opt.state[p]["exp_avg_sq"] for p in problem.params], before)
    assert [opt.state[p]["step"] for p in problem.params] == [[11], [11]]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_the_first_step_in_another_basis_is_off_by_a_closed_form(seed: int) -> None:
    """With D(G) = G / (|G| + eps) and E = D(G Q) Q' - D(G) for each factor, the product is off by

    W_rot - W = -lr (E_U V' + U E_V') + lr^2 (E_U D_V' + D_U E_V' + E_U E_V').
    """
    eps, Q = 1e-3, rotation(seed)
    plain, rotated = Sensing(seed), Sensing(seed, Q)
    U, V = copies(plain.params)
    for problem in (plain, rotated):
        opt = FlowAdam(problem.params, lr=LR, eps=eps, eps_placement="torch")
        opt.step(problem.closure)
    G = [p.grad for p in plain.params if p.grad is not None]
    D = [g / (g.abs() + eps) for g in G]
    E = [(g @ Q) / ((g @ Q).abs() + eps) @ Q.T - d for g, d in zip(G, D, strict=True)]
    expected = -LR * (E[0] @ V.T + U @ E[1].T)
    expected += LR**2 * (E[0] @ D[1].T + D[0] @ E[1].T + E[0] @ E[1].T)
    (U1, V1), (U2, V2) = copies(plain.params), copies(rotated.params)
    torch.testing.assert_close(U2 @ V2.T - U1 @ V1.T, expected, rtol=1e-8, atol=1e-12)
    assert float(expected.abs().max()) > 1e-6


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), lr=st.floats(1e-4, 0.1), beta1=st.floats(0, 0.95))
def test_without_triggers_it_is_torchs_adam(seed: int, lr: float, beta1: float) -> None:
    """Bit for bit torch's fused form, whatever the detector that stays silent."""
    options = {"lr": lr, "betas": (beta1, 0.99), "eps": 1e-6}
    for more in (NEVER, {"detector": "never"}, {"detector": "second_moment", **NEVER}):
        problem, twin = Sensing(seed), Sensing(seed)
        opt = FlowAdam(problem.params, eps_placement="torch", **options, **more)
        adam = torch.optim.Adam(twin.params, fused=True, **options)
        train(opt, problem.closure, 20)
        for _ in range(20):
            adam.step(twin.closure)
        assert equal(problem.params, copies(twin.params))
