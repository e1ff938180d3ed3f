"""The library optimizers follow the rules their docstrings state, and act elementwise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import search_spaces
from search_spaces.adabelief import adabelief
from search_spaces.adam import adam
from search_spaces.adamw import adamw
from search_spaces.lion import lion

Array = NDArray[np.float64]
LR, B1, B2, EPS, DECAY = 0.03, 0.8, 0.95, 1e-3, 0.2
STEPS = 25


def _adam(theta: Array, gradients: Array, decay: float) -> Array:
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, 1):
        theta = theta * (1 - LR * decay)
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2
        theta = theta - LR * (m / (1 - B1**t)) / (np.sqrt(v / (1 - B2**t)) + EPS)
    return theta


def _lion(theta: Array, gradients: Array) -> Array:
    m = np.zeros_like(theta)
    for g in gradients:
        theta = theta * (1 - LR * DECAY) - LR * np.sign(B1 * m + (1 - B1) * g)
        m = B2 * m + (1 - B2) * g
    return theta


def _adabelief(theta: Array, gradients: Array) -> Array:
    m, s = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, 1):
        theta = theta * (1 - LR * DECAY)
        m = B1 * m + (1 - B1) * g
        s = B2 * s + (1 - B2) * (g - m) ** 2 + EPS
        theta = theta - LR * (m / (1 - B1**t)) / (np.sqrt(s / (1 - B2**t)) + EPS)
    return theta


RULES: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, float], Callable]] = {
    "adam": (adam, {"eps": EPS}, lambda x, g: _adam(x, g, 0.0)),
    "adamw": (adamw, {"eps": EPS, "weight_decay": DECAY}, lambda x, g: _adam(x, g, DECAY)),
    "lion": (lion, {"weight_decay": DECAY}, _lion),
    "adabelief": (adabelief, {"eps": EPS, "weight_decay": DECAY}, _adabelief),
}


@pytest.mark.parametrize("name", RULES)
def test_the_rule_is_the_stated_one(name: str) -> None:
    factory, options, rule = RULES[name]
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=6), rng.normal(size=(STEPS, 6))
    theta = torch.tensor(start, requires_grad=True)
    optimizer = factory([theta], lr=LR, beta1=B1, beta2=B2, **options)
    for g in gradients:
        theta.grad = torch.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(theta.detach().numpy(), rule(start, gradients), rtol=1e-12)


ELEMENTWISE = [n for n, s in search_spaces.all_specs().items() if s.stacking == "elementwise"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_means_bit_for_bit(name: str, dtype: torch.dtype) -> None:
    """Sizes that are no multiple of a vector register: an entry's place in memory must not count.

    Gradients span five decades, as on the factorization tasks.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    shapes, replicas = [(7, 5), (13,), (3, 11)], 3
    start = [draw(replicas, *shape).to(dtype) for shape in shapes]
    gradients = [
        [(draw(replicas, *s) * 10 ** draw(replicas, *s)).to(dtype) for s in shapes]
        for _ in range(STEPS)
    ]
    spec = search_spaces.get(name)
    values = {**spec.space.from_unit(dict.fromkeys(spec.space.names, 0.7)), "opt.lr": 0.01}

    def run(block: slice) -> list[torch.Tensor]:
        params = [p[block].clone().requires_grad_() for p in start]
        optimizer = spec.build(params, values)
        for step in gradients:
            for p, g in zip(params, step, strict=True):
                p.grad = g[block].clone()
            optimizer.step()
        return [p.detach() for p in params]

    stacked = run(slice(None))
    for r in range(replicas):
        for together, alone in zip(stacked, run(slice(r, r + 1)), strict=True):
            assert torch.equal(together[r], alone[0])
