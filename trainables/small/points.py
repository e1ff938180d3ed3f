"""Labeled points that are drawn, and what tasks share that fit a small network to them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from trainables.base import BenchmarkTask
from trainables.options import MOST_WIDTH, require_whole
from trainables.small.rotation import order_hash


@dataclass(frozen=True, eq=False)
class Points:
    """Inputs [n, features] and their answers [n]."""

    x: NDArray[np.float64]
    y: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class PointsTask(BenchmarkTask):
    """Fit a tanh network, a few equal hidden layers and one output, to drawn points.

    Training, validation and test points are drawn one after the other from the same law.

    Args:
        hidden: width of the hidden layers, from 1 to 4,096.
        train, val, test: how many draws each part has, at least 1.
    """

    hidden: int
    train: int
    val: int
    test: int

    layers: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("hidden", self.hidden, 1, MOST_WIDTH)
        for name in ("train", "val", "test"):
            require_whole(name, getattr(self, name), 1)

    @abstractmethod
    def data(self) -> Mapping[str, Points]:
        """Return the parts "train", "val" and "test"."""

    def sizes(self) -> dict[str, int]:
        """Return the number of draws of each part, in the order in which they are made."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def widths(self) -> list[int]:
        """Return the widths of the network's layers, from the inputs to the output."""
        features = self.data()["train"].x.shape[1]
        return [features, *[self.hidden] * self.layers, 1]

    def content_hash(self) -> str:
        """Hash of the order of the points by size; see ``order_hash``."""
        return order_hash(*(a for part in self.data().values() for a in (part.x, part.y)))
