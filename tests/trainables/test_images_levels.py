"""Levels that Adam reaches on images in seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import trainables
from flowadam import datasets
from flowadam.errors import InputError
from flowadam.task import Task
from trainables.images.cifar10 import cnn_sample, resnet18_sample


def final_nll(task: Task, rate: float, gradients: int) -> float:
    problem = task.make([0], test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=rate)
    for k in range(gradients):
        problem.begin_step(k)
        optimizer.step(lambda: problem.closure().sum())
    return float(problem.evaluate("test")["nll"][0])


def test_the_small_network_learns_cifar10() -> None:
    """60 gradients of 64 images; the constant predictors are at 2.30."""
    try:
        datasets.path("cifar10")
    except InputError as absent:
        pytest.skip(str(absent))
    assert final_nll(trainables.get("cifar10_cnn"), 0.01, 60) < 1.95


@pytest.mark.parametrize(
    "task",
    [cnn_sample(), replace(resnet18_sample(), widths=(8, 16), batch=32)],
    ids=lambda task: task.name,
)
def test_generated_images_are_learned(task: Task) -> None:
    """25 gradients; of the residual network two narrow stages of the four."""
    assert min(task.trivial("test").values()) > 2.2
    assert final_nll(task, 0.02, 25) < 1.2
