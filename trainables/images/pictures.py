"""CIFAR-10 in three parts, and a generated stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flowadam.seeds import derive
from trainables.cells import hash_arrays

CLASSES = 10
Source = Literal["cifar10", "sample"]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pixels uint8 [n, 3, 32, 32], red green blue, and their classes, int64 [n]."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]


@lru_cache(maxsize=4)
def split_pictures(
    source: Source, images: int, thinning: int, name: str, data_seed: int
) -> Mapping[str, Pictures]:
    """Return the parts "train", "val" and "test"; see ``trainables.images.cifar10.Cifar10``.

    Raises:
        InputError: the data set is absent; the sentence says how to get it.
    """
    arrays = _sample() if source == "sample" else _cifar10()
    x, x_test = (arrays[key][:, :, ::thinning, ::thinning] for key in ("x_train", "x_test"))
    x, y = x[:images], arrays["y_train"][:images].astype(np.int64)
    order = np.random.default_rng(derive("data", name, data_seed)).permutation(len(y))
    train, val = order[len(y) // 10 :], order[: len(y) // 10]
    test = Pictures(x_test, arrays["y_test"].astype(np.int64))
    return {"train": Pictures(x[train], y[train]), "val": Pictures(x[val], y[val]), "test": test}


@lru_cache(maxsize=4)
def split_hash(source: Source, images: int, thinning: int, name: str, data_seed: int) -> str:
    """Return the hash of the images of each part, in order."""
    parts = split_pictures(source, images, thinning, name, data_seed).values()
    return hash_arrays(*(a for part in parts for a in (part.x, part.y)))


def _cifar10() -> Mapping[str, NDArray[np.uint8]]:
    """Read the data set from the user's data folder."""
    from flowadam import datasets

    return datasets.images()


def _sample() -> Mapping[str, NDArray[np.uint8]]:
    """Return 120 generated images: each class has a brightness pattern of its own, under noise."""
    rng = np.random.default_rng(derive("data", "cifar10", "sample"))
    y = np.arange(120) % CLASSES
    patterns = rng.integers(64, 192, (CLASSES, 3, 4, 4)).repeat(8, 2).repeat(8, 3)
    x = np.clip(patterns[y] + 32 * rng.standard_normal((120, 3, 32, 32)), 0, 255).astype(np.uint8)
    labels = y.astype(np.uint8)
    return {"x_train": x[:80], "y_train": labels[:80], "x_test": x[80:], "y_test": labels[80:]}
