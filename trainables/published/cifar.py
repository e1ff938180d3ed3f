"""CIFAR-10 as published: ResNet-18, 50 epochs, one run; nothing is claimed in checked numbers.

The script sets no seed and prints what it expects: 91.7 % for Adam, 91.8 % for FlowAdam, no flow
step. Its numbers cannot come out exactly, and two things differ here: batch norm's statistics for
the test are those of 2,048 training images, while the script keeps running averages, into which
every further evaluation of a flow enters; and the last 80 images of an epoch's order are passed
over, so that an epoch has 390 steps instead of 391.

A run takes about 39 hours on one core of a CPU. It takes a GPU where torch sees one.
"""

from __future__ import annotations

import numpy as np
import torch

from flowadam import datasets
from flowadam.errors import InputError
from flowadam.task import Problem
from trainables.images.conv_networks import ResNet
from trainables.images.image_problem import ImageProblem
from trainables.images.pictures import CLASSES, Pictures
from trainables.published.contenders import Thresholds, adam, flowadam
from trainables.published.scenario import Scenario
from trainables.setup import Setup

WHOLE = 50_000
BATCH, EPOCHS, RATE = 128, 50, 1e-3
CALIBRATION = 2048
PRESET_A: Thresholds = (0.40, 3.0, 2.0)
WIDTHS, BLOCKS = (64, 128, 256, 512), 2


def problem(seed: int, penalty: float) -> ImageProblem:
    """Return all training images and the data set's own test part, without a validation part.

    Raises:
        InputError: the data set is absent, or a part of it alone is here.
    """
    arrays = datasets.images()
    if len(arrays["y_train"]) != WHOLE:
        raise InputError(
            f"This scenario needs the whole of CIFAR-10, {WHOLE:,} training images; "
            f"{len(arrays['y_train']):,} are here: `flowadam data get cifar10`."
        )
    train, test = (
        Pictures(arrays[f"x_{part}"], arrays[f"y_{part}"].astype(np.int64))
        for part in ("train", "test")
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    setup = Setup.check([seed], penalty=penalty, test_unlocked=True, device=device, dtype="float32")
    # There is no validation part; ten training images fill its place and are not read.
    data = {"train": train, "val": Pictures(train.x[:10], train.y[:10]), "test": test}
    options = {"batch": min(BATCH, len(train.y)), "calibration": CALIBRATION}
    name = "cifar10_resnet18"
    return ImageProblem(_network, data, **options, name=name, setup=setup)


def _network() -> ResNet:
    return ResNet(WIDTHS, BLOCKS, CLASSES, "relu")


def _accuracy(problem: Problem, _: float) -> float:
    return 100 * (1 - float(problem.evaluate("test")["error"]))


SCENARIOS = {
    "cifar10_resnet18": Scenario(
        name="cifar10_resnet18",
        key="-",
        metric="test accuracy in %",
        steps=EPOCHS * (WHOLE // BATCH),
        problem=problem,
        contenders={"adam": adam(RATE, 0.0), "flowadam": flowadam(RATE, PRESET_A, 0.0)},
        claims={},
        score=_accuracy,
        seeds=(0,),
        data="cifar10",
        by_name=True,
    ),
}
