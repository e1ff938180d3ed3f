"""Tensor completion and robust factorization as published: data, contenders, claims."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from trainables import published
from trainables.published import robust, tensor

NAMES = [*tensor.SCENARIOS, *robust.SCENARIOS]


@pytest.mark.parametrize("name", NAMES)
def test_scenarios_are_listed_with_their_claims(name: str) -> None:
    scenario = published.get(name)
    assert scenario.name == name
    assert {"adam", "flowadam"} <= set(scenario.claims) <= set(scenario.contenders)
    assert scenario.seeds == (42, 123, 456, 789, 999)
    assert scenario.steps == (1000 if name.startswith("tensor") else 500)


@pytest.mark.parametrize("name", NAMES)
def test_penalties_stand_where_the_scripts_put_them(name: str) -> None:
    """Adam's weight decay 1e-5 is the penalty 5e-6; FlowAdam's loss term is twice that."""
    contenders = published.get(name).contenders
    assert contenders["adam"].penalty == pytest.approx(5e-6)
    assert contenders["flowadam"].penalty == pytest.approx(1e-5)
    decays = set()
    for one in contenders.values():
        optimizer: Any = one.make([torch.zeros(1, requires_grad=True)])
        assert optimizer.param_groups[0]["lr"] == 0.01
        if isinstance(optimizer, torch.optim.AdamW):
            assert one.penalty == 0
            decays.add(optimizer.param_groups[0]["weight_decay"])
    assert decays == ({1e-2, 1e-3, 1e-5} if name.startswith("tensor") else {1e-2, 1e-3, 1e-4, 1e-5})


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_the_published_tensors(size: str) -> None:
    shape, rank, density = tensor.SIZES[size]
    problem = tensor.problem(tensor.SIZES[size], 42, 0.0)
    assert [tuple(p.shape) for p in problem.params] == [(1, rank + 5, n) for n in shape]
    torch.manual_seed(1042)
    first = 0.1 * torch.randn(shape[0], rank + 5)
    assert torch.equal(problem.params[0][0].detach(), first.T)
    hidden = problem._parts["test"].values
    assert len(hidden) == pytest.approx((1 - density) * np.prod(shape), rel=0.01)
    assert float(hidden.var()) == pytest.approx(1 / rank**2, rel=0.5)


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_the_published_matrices_with_outliers(size: str) -> None:
    rows, columns, rank, share, magnitude, noise = robust.SIZES[size]
    problem = robust.problem(robust.SIZES[size], 123, 0.0)
    assert [tuple(p.shape) for p in problem.params] == [
        (1, rank + 3, rows),
        (1, rank + 3, columns),
    ]
    torch.manual_seed(1123)
    assert torch.equal(problem.params[0][0].detach(), 0.1 * torch.randn(rows, rank + 3).T)
    assert problem._known.all()
    clean = problem._parts["test"].values.reshape(rows, columns)
    rng = np.random.RandomState(123)
    left, right = rng.randn(rows, rank), rng.randn(columns, rank)
    np.testing.assert_allclose(clean.numpy(), left @ right.T / rank, atol=1e-6)
    errors = problem._values - clean
    assert float(errors.var()) == pytest.approx(share * magnitude**2 + noise**2, rel=0.15)


def test_the_last_iterate_is_worse_than_predicting_zero() -> None:
    scenario = published.get("robust_factorization_small")
    clean = robust.problem(robust.SIZES["small"], 42, 0.0)._parts["test"].values
    run = scenario.run("adam", 42)
    assert (run.gradients, run.flow_steps) == (500, 0)
    assert run.value > 1.2 * float(clean.square().mean().sqrt())
