"""The small tasks are solved to a stated level by plain Adam in a few hundred gradients."""

from __future__ import annotations

import pytest
import torch

import trainables

# task, Adam's rate, gradients, the test metric it must reach, the best trivial predictor's
LEVELS = [
    ("coupling_digits", 0.01, 100, 0.15, 2.3),
    ("coupling_quadratic", 0.1, 300, 0.003, 0.108),
    ("ill_conditioned_regression", 0.1, 150, 28.0, 43.2),
    ("matrix_sensing", 0.001, 300, 0.7, 0.89),
    ("rosenbrock", 0.3, 300, 0.3, 1.0),
    ("rotated_quadratic", 0.3, 300, 12.0, 96.0),
    ("two_spirals", 0.03, 300, 0.2, 0.693),
]


@pytest.mark.parametrize(("name", "rate", "gradients", "level", "trivial"), LEVELS)
def test_adam_reaches_the_level(
    name: str, rate: float, gradients: int, level: float, trivial: float
) -> None:
    task = trainables.get(name)
    problem = task.make([0, 1], test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=rate)
    for _ in range(gradients):
        optimizer.step(problem.closure)
    reached = problem.evaluate("test")[task.metric]
    assert min(task.trivial("test").values()) == pytest.approx(trivial, rel=0.01)
    assert (reached < level).all(), reached.tolist()
