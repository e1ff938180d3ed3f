"""The registry of data sets."""

from __future__ import annotations

from flowadam.datasets.base import DataSet
from flowadam.datasets.cifar import CIFAR10
from flowadam.datasets.cora import CORA
from flowadam.datasets.jester import JESTER1
from flowadam.datasets.movielens import ML100K
from flowadam.errors import require_known

_ALL = {data.name: data for data in (JESTER1, ML100K, CIFAR10, CORA)}


def names() -> list[str]:
    """Return the names of all data sets."""
    return list(_ALL)


def find(name: str) -> DataSet:
    """Return a data set by name.

    Raises:
        InputError: there is none of that name; the sentence names the nearest.
    """
    require_known("data set", name, _ALL)
    return _ALL[name]
