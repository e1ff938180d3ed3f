"""Levels that Adam reaches on the graphs with default settings."""

from __future__ import annotations

import pytest
import torch

import trainables
from flowadam import datasets
from flowadam.errors import InputError

# The features of the random graphs tell as much as a trained network finds: see `LinkPrediction`.
BEATEN = ("constant", "common neighbors", "degree product", "even odds", "share of edges")

# name, rate, gradients, level of the test metric
LEVELS = [
    ("link_prediction_small", 0.01, 100, 0.20),
    ("link_prediction_medium", 0.01, 100, 0.24),
    ("link_prediction_large", 0.01, 100, 0.29),
    ("link_prediction_calibration", 0.01, 100, 0.14),
    ("karate_club", 0.01, 30, 1.30),
    ("cora_links", 0.003, 30, 0.18),
]


@pytest.mark.parametrize(
    ("name", "rate", "gradients", "level"), LEVELS, ids=[row[0] for row in LEVELS]
)
def test_adam_reaches_a_level(name: str, rate: float, gradients: int, level: float) -> None:
    if name == "cora_links":
        try:
            datasets.path("cora")
        except InputError as missing:
            pytest.skip(str(missing))
    task = trainables.get(name)
    problem = task.make([0, 1], test_unlocked=True)
    adam = torch.optim.Adam(problem.params, lr=rate)
    before = problem.evaluate("test")[task.metric]
    for k in range(gradients):
        problem.begin_step(k)
        problem.closure()
        adam.step()
    after = problem.evaluate("test")[task.metric]
    assert (after < level).all()
    assert (after < before).all()
    trivial = task.trivial("test")
    assert level < 0.95 * min(trivial[name] for name in BEATEN if name in trivial)
