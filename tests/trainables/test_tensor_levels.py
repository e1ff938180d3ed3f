"""Levels that Adam reaches on the tensor tasks in about a second, far below trivial predictors."""

from __future__ import annotations

import pytest
import torch

import trainables


@pytest.mark.parametrize(
    ("name", "gradients", "penalty", "level", "trivial"),
    [
        ("tensor_completion_small", 300, 3e-5, 0.075, 0.18),
        ("tensor_completion_medium", 300, 1e-5, 0.080, 0.12),
        ("tensor_completion_large", 300, 1e-5, 0.065, 0.099),
        ("indian_pines", 120, 0.0, 0.40, 0.43),
    ],
)
def test_adam_solves_the_task(
    name: str, gradients: int, penalty: float, level: float, trivial: float
) -> None:
    task = trainables.get(name)
    seeds = [0] if name == "indian_pines" else [0, 1]
    problem = task.make(seeds, penalty=penalty, test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=0.03)
    for _ in range(gradients):
        optimizer.step(lambda: float(problem.closure().sum()))
    assert (problem.evaluate("test")["rmse"] < level).all()
    assert min(task.trivial("test").values()) > trivial
