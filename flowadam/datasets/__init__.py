"""Real data sets that stay with their owners: where they are, and their content as NumPy arrays.

Nothing here downloads: ``flowadam data get NAME`` does, after showing the terms. The files lie in
the folder that the environment variable ``FLOWADAM_DATA`` names, by default in the user's cache.
Content is checked when a file is first read in a process: counts, ranges and, where it is known,
the SHA-256 of the arrays.

>>> from flowadam import datasets
>>> users, items, values = datasets.ratings("jester1")  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flowadam.datasets import reading
from flowadam.datasets.base import Arrays
from flowadam.datasets.catalog import find, names

__all__ = ["graph", "images", "names", "path", "ratings", "statement"]


def path(name: str) -> Path:
    """Return the file with a data set's arrays; its content is not looked at.

    Raises:
        InputError: there is no such data set, or it has not been got; the sentence says how.
    """
    return reading.located(find(name))[0]


def statement(name: str) -> str:
    """Return one sentence that says which form of a data set `path` leads to.

    It belongs beside every figure computed on it: of CIFAR-10 the folder may hold a part only.

    Raises:
        InputError: as `path`.
    """
    return reading.located(find(name))[1]


def ratings(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return users (int32), items (int32) and values (float32), one entry per rating.

    Users and items count from 0. The order is that of the source, so that
    ``numpy.random.default_rng(seed).permutation(n)`` splits as published scripts do.
    The arrays are the caller's own: writable, contiguous, not shared.

    Args:
        name: ``"jester1"`` or ``"ml100k"``.

    Raises:
        InputError: as `path`; or the data set is no list of ratings; or the file is damaged.
    """
    return reading.ratings(find(name))


def images() -> Arrays:
    """Return CIFAR-10, or the part of it that is there: `statement` says which.

    ``x_train``, ``x_test`` [n, 3, 32, 32] uint8, RGB; ``y_train``, ``y_test`` [n] uint8, class 0
    to 9; ``train_index``, ``test_index`` [n] int32, position in the official order;
    ``train_balanced``, ``test_balanced`` [n] bool, a choice with equally many of each class;
    ``classes`` [10] str.

    Raises:
        InputError: as `path`; or the file is damaged.
    """
    return reading.arrays(find("cifar10"))


def graph() -> Arrays:
    """Return Cora: 2,708 papers, 5,278 citations, 1,433 words, 7 classes.

    ``edges`` [5278, 2] int32, each undirected edge once, u < v, sorted; ``x_indptr`` [2709] int32,
    ``x_indices`` [49216] int16, ``x_shape`` [2] int32, the words of each paper as CSR with ones;
    ``y`` [2708] int16; ``split`` [2708] int8: 1 train, 2 validation, 3 test, 0 none.

    Raises:
        InputError: as `path`; or the file is damaged.
    """
    return reading.arrays(find("cora"))
