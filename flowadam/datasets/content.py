"""What the arrays of a data set must be: counts, ranges, and the SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowadam.datasets.base import Arrays


def digest(arrays: Arrays) -> str:
    """Return the SHA-256 of names, types, shapes and bytes, by name; independent of the file."""
    whole = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        whole.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        whole.update(array.tobytes())
    return whole.hexdigest()


def require(what: str, found: Any, wanted: Any) -> None:
    """Raise ValueError unless a count or range is what is published."""
    if found != wanted:
        raise ValueError(f"{what}: {_text(found)} instead of {_text(wanted)}")


def require_arrays(arrays: Arrays, wanted: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise ValueError unless exactly these names are there, of these types and shapes."""
    require("arrays", sorted(arrays), sorted(wanted))
    for name, (kind, shape) in wanted.items():
        require(f"type of {name}", arrays[name].dtype.name, kind)
        require(f"shape of {name}", arrays[name].shape, shape)


def require_digest(arrays: Arrays, wanted: str) -> None:
    """Raise ValueError unless every byte is as it was when the data set was verified."""
    if digest(arrays) != wanted:
        raise ValueError("counts and ranges are right, but values differ from the published ones")


@dataclass(frozen=True)
class RatingsFacts:
    """Published facts of a list of ratings.

    Args:
        columns: name -> type, all of the length `ratings`.
        users, items, ratings: how many.
        first: the smallest user and item.
        lowest, highest: the range of the values.
        fewest, most: ratings of one user.
        sha256: `digest` of the columns.
    """

    columns: dict[str, str]
    users: int
    items: int
    ratings: int
    first: int
    lowest: float
    highest: float
    fewest: int
    most: int
    sha256: str

    def check(self, arrays: Arrays) -> None:
        """Raise ValueError naming the first fact that does not hold."""
        shape = (self.ratings,)
        require_arrays(arrays, {name: (kind, shape) for name, kind in self.columns.items()})
        for name, count in (("user", self.users), ("item", self.items)):
            ids = np.unique(arrays[name])
            require(f"distinct {name}s", len(ids), count)
            span = (int(ids[0]), int(ids[-1]))
            require(f"range of {name}s", span, (self.first, self.first + count - 1))
        values = arrays["rating"].astype(float).round(4)
        require("range of ratings", (values.min(), values.max()), (self.lowest, self.highest))
        each = np.bincount(arrays["user"] - self.first)
        require("ratings of a user", (int(each.min()), int(each.max())), (self.fewest, self.most))
        require_digest(arrays, self.sha256)


def _text(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return "(" + ", ".join(_text(v) for v in value) + ")"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
