"""CIFAR-10: 60,000 color images of 32 x 32 in ten classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowadam.datasets import pickles
from flowadam.datasets.archives import tar_members
from flowadam.datasets.base import MEGA, Arrays, DataSet, File, Part, Source
from flowadam.datasets.content import require, require_arrays, require_digest

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
BATCHES = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
SMALL_SHA256 = "867ae8284ec5a4cdacb2394b7b2cb7b22dbceda853062ed709f1ba4a9e7fb0a5"
Triple = tuple[float, float, float]


def convert(files: Mapping[str, Path]) -> Arrays:
    """Return the images channels first, in the official order, with labels and positions.

    All images are in the balanced choice, since the whole set has equally many of each class.

    Raises:
        ValueError: the archive or a batch is not of this form.
    """
    names = [f"cifar-10-batches-py/{name}" for name in BATCHES]
    contents = tar_members(files["archive"], names, most=64 * MEGA)
    *train, test = (_batch(content, name) for content, name in zip(contents, BATCHES, strict=True))
    parts = {
        "train": (np.concatenate([x for x, _ in train]), np.concatenate([y for _, y in train])),
        "test": test,
    }
    arrays: Arrays = {"classes": np.array(CLASSES)}
    for part, (x, y) in parts.items():
        arrays |= {
            f"x_{part}": x,
            f"y_{part}": y,
            f"{part}_index": np.arange(len(y), dtype=np.int32),
            f"{part}_balanced": np.ones(len(y), dtype=bool),
        }
    return arrays


def _batch(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images [n, 3, 32, 32] uint8 and labels [n] uint8 of one pickled batch."""
    batch = pickles.loads(content)
    data = batch.get("data") if isinstance(batch, dict) else None
    labels = batch.get("labels") if isinstance(batch, dict) else None
    if not isinstance(data, np.ndarray) or not isinstance(labels, list):
        raise ValueError(f"{name} has no data and labels")
    require(f"type of {name}", data.dtype.name, "uint8")
    require(f"shape of {name}", data.shape, (len(labels), 3 * 32 * 32))
    return data.reshape(-1, 3, 32, 32), np.array(labels, dtype=np.uint8)


@dataclass(frozen=True)
class ImageFacts:
    """Published facts of the whole set.

    Args:
        train, test: images of each class.
        first_train, first_test: the labels the official order begins with.
        mean, deviation: of each channel over the training images, of 1, to four decimals.
    """

    train: int
    test: int
    first_train: tuple[int, ...]
    first_test: tuple[int, ...]
    mean: Triple
    deviation: Triple

    def check(self, arrays: Arrays) -> None:
        """Raise ValueError naming the first fact that does not hold."""
        require_arrays(arrays, _layout(10 * self.train, 10 * self.test))
        for part, each, first in (
            ("train", self.train, self.first_train),
            ("test", self.test, self.first_test),
        ):
            labels = arrays[f"y_{part}"]
            require(f"{part} images a class", np.bincount(labels).tolist(), [each] * 10)
            require(f"first {part} labels", tuple(labels[: len(first)].tolist()), first)
            order = np.array_equal(arrays[f"{part}_index"], np.arange(len(labels)))
            require(f"{part} images in the official order", order, True)
        moments = channel_moments(arrays["x_train"])
        require("mean and deviation", moments, self.mean + self.deviation)


def channel_moments(images: np.ndarray) -> tuple[float, ...]:
    """Return mean and standard deviation of each channel [n, 3, ...] over 255, four decimals."""
    counts = np.zeros((3, 256))
    for start in range(0, len(images), 5000):  # bincount widens its input to 8 bytes a pixel
        for channel in range(3):
            pixels = images[start : start + 5000, channel].ravel()
            counts[channel] += np.bincount(pixels, minlength=256)
    weights = counts / counts.sum(axis=1, keepdims=True)
    levels = np.arange(256) / 255
    mean = weights @ levels
    deviation = np.sqrt(weights @ levels**2 - mean**2)
    return tuple(float(v) for v in np.concatenate([mean, deviation]).round(4))


def check_small(arrays: Arrays) -> None:
    """Raise ValueError unless the arrays are the known part of 8,380 and 1,017 images."""
    require_arrays(arrays, _layout(8_380, 1_017))
    require_digest(arrays, SMALL_SHA256)


def _layout(train: int, test: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    layout: dict[str, tuple[str, tuple[int, ...]]] = {"classes": ("str320", (10,))}
    for part, count in (("train", train), ("test", test)):
        layout |= {
            f"x_{part}": ("uint8", (count, 3, 32, 32)),
            f"y_{part}": ("uint8", (count,)),
            f"{part}_index": ("int32", (count,)),
            f"{part}_balanced": ("bool", (count,)),
        }
    return layout


FACTS = ImageFacts(
    train=5_000,
    test=1_000,
    first_train=(6, 9, 9, 4, 1, 1, 2, 7, 8, 3),
    first_test=(3, 8, 8, 0, 6, 6, 1, 6, 3, 1),
    mean=(0.4914, 0.4822, 0.4465),
    deviation=(0.2470, 0.2435, 0.2616),
)

CIFAR10 = DataSet(
    name="cifar10",
    summary="60,000 color images of 32 x 32 in 10 classes",
    statement="CIFAR-10, whole: 50,000 training and 10,000 test images.",
    terms="No license is published. The owner asks that the reference below be cited.",
    short_terms="no license published; cite",
    reference=(
        "A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images. "
        "University of Toronto, 2009."
    ),
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
    files=(
        File(
            "archive",
            (
                Source(
                    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                    170_498_071,
                ),
            ),
            most=170_498_071,
        ),
    ),
    about=170_498_071,
    stored="cifar10.npz",
    convert=convert,
    check=FACTS.check,
    part=Part(
        "cifar10_small.npz",
        "A part of CIFAR-10: 8,380 of 50,000 training and 1,017 of 10,000 test images. "
        "No accuracy on it is comparable with published ones.",
        check_small,
    ),
)
