"""Levels that Adam reaches on matrices, ratings and digits in about a second."""

from __future__ import annotations

import pytest
import torch

import trainables
from flowadam.errors import InputError

LEVELS = [
    # gradients, penalty, level; the best trivial predictor reaches
    ("matrix_completion_small", 200, 3e-5, 0.10),  # .31
    ("matrix_completion_medium", 200, 3e-5, 0.13),  # .26
    ("matrix_completion_large", 200, 3e-5, 0.19),  # .22
    ("photo_completion", 200, 3e-5, 0.12),  # .19
    ("digits_mlp", 150, 0.0, 0.12),  # 2.30
    ("jester", 80, 6e-5, 4.2),  # 4.34
    ("movielens", 200, 2e-4, 0.93),  # .94
    ("movielens_residual", 200, 3e-4, 0.935),  # .94
]


@pytest.mark.parametrize(("name", "gradients", "penalty", "level"), LEVELS)
def test_adam_solves_the_task(name: str, gradients: int, penalty: float, level: float) -> None:
    try:
        task = trainables.get(name)
    except InputError as error:
        pytest.skip(str(error))
    problem = task.make([0], penalty=penalty, test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=0.03)
    for _ in range(gradients):
        optimizer.step(lambda: float(problem.closure().sum()))
    assert float(problem.evaluate("test")[task.metric]) < level
    assert level < min(task.trivial("test").values())
