"""The other library optimizers follow the rules their docstrings state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import search_spaces
from flowadam.contract.quadratic import QuadraticTask
from flowadam.trial import run_trial
from search_spaces.adahessian import adahessian
from search_spaces.lookahead import lookahead
from search_spaces.nadam import nadam
from search_spaces.radam import radam
from search_spaces.rmsprop import rmsprop
from search_spaces.sgd import sgd
from search_spaces.shampoo import shampoo
from search_spaces.sophiah import sophiah

Array = NDArray[np.float64]
LR, B1, B2, EPS, DECAY = 0.03, 0.8, 0.95, 1e-3, 0.2
K, ALPHA = 4, 0.3
STEPS = 25
RTOL = 1e-7
"""torch keeps NAdam's product of mu in float32, whatever the parameters are."""
CURVATURE = np.array([0.5, 2.0, -1.0, 0.0])


def _nadam(theta: Array, gradients: Array) -> Array:
    m, v, product = np.zeros_like(theta), np.zeros_like(theta), 1.0
    for t, g in enumerate(gradients, 1):
        mu, ahead = (B1 * (1 - 0.5 * 0.96 ** (s / 250)) for s in (t, t + 1))
        product *= mu
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2
        step = ahead * m / (1 - product * ahead) + (1 - mu) * g / (1 - product)
        theta = theta - LR * step / (np.sqrt(v / (1 - B2**t)) + EPS)
    return theta


def _radam(theta: Array, gradients: Array) -> Array:
    m, v, limit = np.zeros_like(theta), np.zeros_like(theta), 2 / (1 - B2) - 1
    for t, g in enumerate(gradients, 1):
        theta = theta * (1 - LR * DECAY)
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2
        rho = limit - 2 * t * B2**t / (1 - B2**t)
        factor: Any = 1.0
        if rho > 5:
            r = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
            factor = np.sqrt(r) * np.sqrt(1 - B2**t) / (np.sqrt(v) + EPS)
        theta = theta - LR * m / (1 - B1**t) * factor
    return theta


def _rmsprop(theta: Array, gradients: Array) -> Array:
    v = np.zeros_like(theta)
    for g in gradients:
        v = B2 * v + (1 - B2) * g**2
        theta = theta - LR * g / (np.sqrt(v) + EPS)
    return theta


def _sgd(theta: Array, gradients: Array) -> Array:
    b = gradients[0] * 0
    for t, g in enumerate(gradients):
        b = g if t == 0 else B1 * b + g
        theta = theta - LR * (g + B1 * b)
    return theta


def _lookahead(theta: Array, gradients: Array) -> Array:
    m, v, slow = np.zeros_like(theta), np.zeros_like(theta), theta
    for t, g in enumerate(gradients, 1):
        theta = theta * (1 - LR * DECAY)
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2
        theta = theta - LR * (m / (1 - B1**t)) / (np.sqrt(v / (1 - B2**t)) + EPS)
        if t % K == 0:
            theta = slow = slow + ALPHA * (theta - slow)
    return theta


def _power(matrix: Array, power: float) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**power) @ vectors.T


def _shampoo_matrix(theta: Array, gradients: Array) -> Array:
    left, right = EPS * np.eye(theta.shape[0]), EPS * np.eye(theta.shape[1])
    for g in gradients:
        left, right = left + g @ g.T, right + g.T @ g
        theta = theta - LR * _power(left, -0.25) @ g @ _power(right, -0.25)
    return theta


def _shampoo_vector(theta: Array, gradients: Array) -> Array:
    left = EPS * np.eye(len(theta))
    for g in gradients:
        left = left + np.outer(g, g)
        theta = theta - LR * _power(left, -0.5) @ g
    return theta


ADAM = {"beta1": B1, "beta2": B2, "eps": EPS}
RULES: dict[str, tuple[Callable[..., Any], dict[str, float], Callable[..., Array]]] = {
    "nadam": (nadam, ADAM, _nadam),
    "radam": (radam, {**ADAM, "weight_decay": DECAY}, _radam),
    "rmsprop": (rmsprop, {"alpha": B2, "eps": EPS}, _rmsprop),
    "sgd": (sgd, {"momentum": B1}, _sgd),
    "lookahead": (lookahead, {**ADAM, "weight_decay": DECAY, "k": K, "alpha": ALPHA}, _lookahead),
    "shampoo": (shampoo, {"matrix_eps": EPS}, _shampoo_vector),
    "shampoo of a matrix": (shampoo, {"matrix_eps": EPS}, _shampoo_matrix),
}


@pytest.mark.parametrize("name", RULES)
def test_the_rule_is_the_stated_one(name: str) -> None:
    factory, options, rule = RULES[name]
    rng, shape = np.random.default_rng(0), (3, 5) if "matrix" in name else (6,)
    start, gradients = rng.normal(size=shape), rng.normal(size=(STEPS, *shape))
    theta = torch.tensor(start, requires_grad=True)
    optimizer = factory([theta], lr=LR, **options)
    for g in gradients:
        theta.grad = torch.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(theta.detach().numpy(), rule(start, gradients), rtol=RTOL)


def _second_order(factory: Callable[..., Any], start: Array, **options: float) -> Array:
    """Return the end of 25 steps on ``sum h theta^2 / 2``, h of both signs; step k has seed k."""
    theta, h = torch.tensor(start, requires_grad=True), torch.tensor(CURVATURE)
    optimizer = factory([theta], lr=LR, beta1=B1, beta2=B2, weight_decay=DECAY, **options)

    def closure() -> torch.Tensor:
        loss = (h * theta**2).sum() / 2
        (theta.grad,) = torch.autograd.grad(loss, theta, create_graph=True)
        return loss

    for k in range(STEPS):
        torch.manual_seed(k)
        optimizer.step(closure)
    theta.grad = None
    return theta.detach().numpy()


def test_adahessian() -> None:
    """Random signs find a diagonal Hessian exactly, so nothing is random here."""
    theta = start = np.array([1.0, -2.0, 0.3, 4.0])
    m, s = np.zeros(4), np.zeros(4)
    for t in range(1, STEPS + 1):
        g = CURVATURE * theta
        theta = theta * (1 - LR * DECAY)
        m, s = B1 * m + (1 - B1) * g, B2 * s + (1 - B2) * CURVATURE**2
        theta = theta - LR * (m / (1 - B1**t)) / (np.sqrt(s / (1 - B2**t)) + EPS)
    np.testing.assert_allclose(_second_order(adahessian, start, eps=EPS), theta, rtol=RTOL)


def test_sophiah() -> None:
    """In the paper's units, with the curvature estimated at steps 1, 11 and 21 alone."""
    theta = start = np.array([1.0, -2.0, 0.3, 4.0])
    m, h, gamma = np.zeros(4), np.zeros(4), 2.0
    for k in range(STEPS):
        g = CURVATURE * theta
        theta = theta * (1 - LR * DECAY)
        m = B1 * m + (1 - B1) * g
        if k % 10 == 0:
            torch.manual_seed(k)
            u = torch.randn(4, dtype=torch.float64).numpy()
            h = B2 * h + (1 - B2) * CURVATURE * u**2
        theta = theta - LR * np.clip(m / np.maximum(gamma * h, gamma * 1e-12), -1, 1)
    np.testing.assert_allclose(_second_order(sophiah, start, gamma=gamma), theta, rtol=RTOL)


def test_lookahead_contains_adamw() -> None:
    """With slow weights that never come it is AdamW, bit for bit, at any point of AdamW's space."""
    spec, adamw = search_spaces.get("lookahead"), search_spaces.get("adamw")
    (inclusion,) = spec.includes
    assert inclusion.other == "adamw"
    point = adamw.space.from_unit(dict.fromkeys(adamw.space.names, 0.7))
    contained = {**spec.defaults, **point, **inclusion.overrides}
    ours, theirs = (
        run_trial(QuadraticTask(noise=0.1), each, values, [0, 1], 60, dtype="float64")
        for each, values in ((spec, contained), (adamw, point))
    )
    for a, b in zip(ours, theirs, strict=True):
        assert [p.val for p in a.curve] == [p.val for p in b.curve]
