"""Levels that Adam reaches along the paths with default settings."""

from __future__ import annotations

import pytest
import torch

import trainables

# name, rate, target RMSE that the median of three starts must reach in 300 gradients
LEVELS = [
    ("inverse_kinematics_arc", 0.1, 0.4),
    ("inverse_kinematics_spiral", 0.1, 0.4),
    ("inverse_kinematics_zigzag", 0.1, 0.4),
]


@pytest.mark.parametrize(("name", "rate", "level"), LEVELS, ids=[row[0] for row in LEVELS])
def test_adam_reaches_a_level(name: str, rate: float, level: float) -> None:
    task = trainables.get(name)
    problem = task.make([0, 1, 2], test_unlocked=True)
    adam = torch.optim.Adam(problem.params, lr=rate)
    before = problem.evaluate("test")
    for k in range(300):
        problem.begin_step(k)
        problem.closure()
        adam.step()
    after = problem.evaluate("test")
    assert float(after["target_rmse"].median()) < level < 0.25 * min(task.trivial("test").values())
    assert (after["objective"] < 0.5 * before["objective"]).all()
