"""Classification of CIFAR-10 with a small convolutional network and with ResNet-18."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from flowadam.errors import InputError
from flowadam.task import Resources, Split
from trainables.base import BenchmarkTask
from trainables.images.pictures import CLASSES, Pictures, Source, split_hash, split_pictures
from trainables.options import MOST_BATCH, require_whole

if TYPE_CHECKING:
    from torch import nn

    from trainables.images.conv_networks import Activation
    from trainables.images.image_problem import ImageProblem
    from trainables.setup import Setup

T = TypeVar("T", bound="Cifar10")
TINY = {"images": 60, "batch": 6, "calibration": 16, "thinning": 4}


@dataclass(frozen=True, kw_only=True)
class Cifar10(BenchmarkTask):
    """Mean log loss "nll" of ten classes; "error", the share of wrong answers, beside it.

    `data_seed` holds a tenth of the first `images` training images out as validation; the test
    part is the data set's own. Training images are shifted by up to 4 pixels and flipped, by
    (seed, step).

    Args:
        batch: images of a step, from 2 to 4,096 (batch norm needs two).
        images: how many training images are used, from the first; all where there are fewer.
        thinning: of each image every so many-th row and column is used, at most 8.
        calibration: training images that fix batch norm's statistics when scores are taken.
        activation: "relu", or the smooth "gelu"; `tiny` takes the latter, since differences of
            losses do not approach the slope where a step crosses a kink.
        source: "sample" is a small generated data set for listings and contract suites.

    Raises:
        InputError: an option is out of its range; when a run begins, the data set is absent.
    """

    batch: int
    images: int
    thinning: int = 1
    calibration: int = 512
    activation: Activation = "relu"
    source: Source = "cifar10"

    metric = "nll"
    deterministic = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, low in (("images", 20), ("thinning", 1), ("calibration", 2)):
            require_whole(option, getattr(self, option), low)
        require_whole("batch", self.batch, 2, MOST_BATCH)
        if self.thinning > 8:
            raise InputError(f"`thinning` must be at most 8, got {self.thinning}.")

    @abstractmethod
    def network(self) -> nn.Module:
        """Return the network, drawn from torch's random numbers."""

    def data(self) -> Mapping[str, Pictures]:
        """Return the parts "train", "val" and "test"."""
        return split_pictures(self.source, self.images, self.thinning, self.name, self.data_seed)

    def content_hash(self) -> str:
        """Hash of the images of each part, in order."""
        return split_hash(self.source, self.images, self.thinning, self.name, self.data_seed)

    def problem(self, setup: Setup) -> ImageProblem:
        from trainables.images.image_problem import ImageProblem

        data = self.data()
        return ImageProblem(
            self.network,
            data,
            batch=min(self.batch, len(data["train"].y)),
            calibration=self.calibration,
            name=self.name,
            setup=setup,
        )

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the log loss of equal class probabilities and of the training frequencies."""
        counts = np.bincount(self.data()["train"].y, minlength=CLASSES)
        prior = np.log((counts + 1) / (counts + 1).sum())
        return {
            "uniform": float(np.log(CLASSES)),
            "class frequencies": float(-prior[self.data()[split].y].mean()),
        }


@dataclass(frozen=True, kw_only=True)
class Cifar10CNN(Cifar10):
    """See `Cifar10` and ``trainables.images.conv_networks.SmallConvNet``.

    Args:
        widths: channels of each convolution.
    """

    name: str = "cifar10_cnn"
    summary: str = "CIFAR-10, up to 10,000 images, three convolutions of 16, 32 and 64 channels"
    budget: int = 1000
    batch: int = 64
    images: int = 10_000
    widths: tuple[int, ...] = (16, 32, 64)

    def network(self) -> nn.Module:
        from trainables.images.conv_networks import SmallConvNet

        return SmallConvNet(self.widths, CLASSES, self.activation)

    def tiny(self) -> Cifar10CNN:
        return replace(self, widths=(3, 4), activation="gelu", **TINY)


@dataclass(frozen=True, kw_only=True)
class Cifar10ResNet18(Cifar10):
    """See `Cifar10` and ``trainables.images.conv_networks.ResNet``; 11,173,962 parameters.

    One closure call takes about 5 seconds on one CPU core, so the task asks for a GPU.

    Args:
        widths: channels of each stage.
        blocks: residual blocks of each stage.
    """

    name: str = "cifar10_resnet18"
    summary: str = "CIFAR-10, up to 50,000 images, ResNet-18 with 11,173,962 parameters (GPU)"
    budget: int = 10_000
    batch: int = 128
    images: int = 50_000
    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: int = 2

    resources = Resources(cpu=1.0, gpu=1.0)

    def network(self) -> nn.Module:
        from trainables.images.conv_networks import ResNet

        return ResNet(self.widths, self.blocks, CLASSES, self.activation)

    def tiny(self) -> Cifar10ResNet18:
        return replace(self, widths=(2, 4), blocks=1, activation="gelu", **TINY)


def cifar10_cnn(*, batch: int = 64, images: int = 10_000, data_seed: int = 0) -> Cifar10CNN:
    """Return the task with the small network; see ``Cifar10CNN`` for the options."""
    return _loaded(Cifar10CNN(batch=batch, images=images, data_seed=data_seed))


def cnn_sample() -> Cifar10CNN:
    """Return the task on generated images, for listings and contract suites."""
    return Cifar10CNN(source="sample")


def resnet18_sample() -> Cifar10ResNet18:
    """Return the task on generated images, for listings and contract suites."""
    return Cifar10ResNet18(source="sample")


def cifar10_resnet18(
    *, batch: int = 128, images: int = 50_000, data_seed: int = 0
) -> Cifar10ResNet18:
    """Return the task with ResNet-18; see ``Cifar10ResNet18`` for the options."""
    return _loaded(Cifar10ResNet18(batch=batch, images=images, data_seed=data_seed))


def _loaded(task: T) -> T:
    """Return the task with the images that are there, fewer where the folder holds a part.

    Without the data set it is as it was, so that it can be listed.
    """
    try:
        data = task.data()
    except InputError:
        return task
    count = len(data["train"].y) + len(data["val"].y)
    summary = re.sub(r"up to [\d,]+ images", f"{count:,} images", task.summary, count=1)
    return replace(task, images=count, summary=summary)
