"""A few handwritten digits and a small convolutional network, full batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.cells import hash_arrays
from trainables.images.digits import CLASSES, DigitsMLP, Images
from trainables.options import MOST_WIDTH, require_whole

if TYPE_CHECKING:
    from trainables.edge.module_problem import SquaredProblem
    from trainables.setup import Setup

WIDTH, TRAIN = 3, 24


@dataclass(frozen=True, kw_only=True)
class EdgeCNN(BenchmarkTask):
    """8 x 8 digits under the squared loss; tanh convolutions of 3 and 6 channels, 448 parameters.

    Pixels lie in [-1, 1]. The metric is the mean squared distance of the scores to the one-hot
    class, "mse"; "error", the share of wrong answers, is reported beside it.

    Args:
        width: channels of the first convolution, from 1 to 4,096.
        train: training images, at least 1, the first of those of ``digits_mlp``.
    """

    name: str = "edge_cnn"
    summary: str = "24 handwritten digits, tanh convolutions of 3 and 6 channels, full batch"
    budget: int = 400
    width: int = WIDTH
    train: int = TRAIN
    images: int = 400

    metric = "mse"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("width", self.width, 1, MOST_WIDTH)
        require_whole("train", self.train, 1)

    def data(self) -> Mapping[str, Images]:
        """Return the parts "train", "val" and "test"; x has shape [n, 8, 8]."""
        parts = DigitsMLP(images=self.images, data_seed=self.data_seed).data()
        most = {"train": self.train}
        return {name: _pictures(part, most.get(name)) for name, part in parts.items()}

    def content_hash(self) -> str:
        """Hash of the images of each part, in order."""
        return hash_arrays(*(a for part in self.data().values() for a in (part.x, part.y)))

    def tiny(self) -> EdgeCNN:
        return replace(self, width=1, train=10, images=100)

    def problem(self, setup: Setup) -> SquaredProblem:
        from trainables.edge.module_problem import SquaredProblem
        from trainables.edge.networks import TanhConvNet

        return SquaredProblem(
            lambda: TanhConvNet(self.width, CLASSES),
            self.data(),
            CLASSES,
            name=self.name,
            setup=setup,
        )

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the metric of equal scores, and of the training frequencies."""
        return frequencies(self.data()["train"].y, self.data()[split].y, CLASSES)


def edge_cnn(*, width: int = WIDTH, data_seed: int = 0) -> EdgeCNN:
    """Return the task; see ``EdgeCNN`` for the options."""
    return EdgeCNN(width=width, data_seed=data_seed)


def frequencies(train: np.ndarray, asked: np.ndarray, classes: int) -> dict[str, float]:
    """Return the mean squared distance to the one-hot class of the best constant scores."""
    shares = np.bincount(train, minlength=classes) / len(train)
    wanted = np.eye(classes)[asked]
    return {"class frequencies": float(((shares - wanted) ** 2).sum(1).mean())}


def _pictures(part: Images, most: int | None) -> Images:
    return Images((2 * part.x[:most] - 1).reshape(-1, 8, 8), part.y[:most])
