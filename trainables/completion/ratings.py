"""Completion of any table of user, item, rating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from flowadam.errors import InputError
from flowadam.seeds import derive
from flowadam.task import Split
from trainables.cells import Cells, SplitCells, additive_baselines, hash_arrays
from trainables.completion.completion import CompletionTask
from trainables.completion.ratings_file import Columns, read_ratings
from trainables.options import require_parameters

TINY_RATINGS = 300


@dataclass(frozen=True, kw_only=True)
class Ratings(CompletionTask):
    """Ratings minus their training mean as a product of two factors; RMSE in original units.

    ``numpy.random.default_rng(data_seed).permutation`` over the rows in file order gives the split:
    the first fifth is test, the next tenth validation (both rounded down), the rest training.

    Args:
        cells: all ratings; they travel with the task, so that the file is parsed once.
        content: hash of `cells`, which stands for them in ``==`` and ``repr``.

    Raises:
        InputError: fewer than ten ratings, so that a part of the split would be empty; or more
            parameters than ``trainables.options`` allows.
    """

    name: str = "ratings"
    summary: str = "your own table of user, item, rating (Parquet or CSV)"
    budget: int = 300
    rank: int = 20
    data_seed: int = 0
    content: str
    cells: Cells = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.cells) < 10:
            raise InputError(f"A 70/10/20 split needs at least 10 ratings, got {len(self.cells)}.")
        users, items = self.shape()
        made = f"`rank` {self.rank}, {users:,} users and {items:,} items"
        require_parameters(self.rank * (users + items), made)

    def shape(self) -> tuple[int, int]:
        """Return the number of users and of items."""
        return int(self.cells.rows.max()) + 1, int(self.cells.cols.max()) + 1

    def data(self) -> SplitCells:
        count = len(self.cells)
        order = np.random.default_rng(self.data_seed).permutation(count)
        test, held_out = count // 5, count // 5 + count // 10
        train = self.cells[order[held_out:]]
        return SplitCells(
            shape=self.shape(),
            train=train,
            val=self.cells[order[test:held_out]],
            test=self.cells[order[:test]],
            center=float(train.values.mean(dtype=np.float64)),
        )

    def content_hash(self) -> str:
        """Hash of the parsed table in file order; ids count by their numbers only."""
        return self.content

    def tiny(self) -> Ratings:
        """Return the 300 ratings nearest the corner of the matrix, at rank 2 or less."""
        corner = np.argsort(np.maximum(self.cells.rows, self.cells.cols), kind="stable")
        chosen = self.cells[np.sort(corner[:TINY_RATINGS])]
        rows = np.unique(chosen.rows, return_inverse=True)[1].astype(np.int32)
        cols = np.unique(chosen.cols, return_inverse=True)[1].astype(np.int32)
        cells = Cells(rows, cols, chosen.values)
        return replace(self, cells=cells, content=hash_cells(cells), rank=min(self.rank, 2))

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the RMSE of the training mean, user means and damped user + item biases."""
        return additive_baselines(self.data(), split, "user", "item")


def load(
    *,
    path: str | Path,
    user: str = "user",
    item: str = "item",
    rating: str = "rating",
    rank: int = 20,
    data_seed: int = 0,
) -> Ratings:
    """Read a ratings file; see ``read_ratings`` for the rules it must keep.

    Args:
        path: a file ending in .parquet, .csv or .tsv (also .gz); columns of text may be
            separated by commas, tabs or semicolons.
        user, item, rating: names of the columns.
        rank: columns of the factors.
        data_seed: fixes the split.

    Raises:
        InputError: the file breaks a rule, or the rank is below 1.
    """
    cells = read_ratings(Path(str(path)).expanduser(), Columns(user, item, rating))
    return Ratings(rank=rank, data_seed=data_seed, cells=cells, content=hash_cells(cells))


def sample() -> Ratings:
    """Return a generated table of 30 users and 20 items for listings and contract suites."""
    rng = np.random.default_rng(derive("data", "ratings", "sample"))
    rows, cols = np.nonzero(rng.random((30, 20)) < 0.5)
    taste = 3 + rng.standard_normal((30, 1)) @ rng.standard_normal((1, 20))
    values = np.clip(np.round(taste), 1, 5).astype(np.float32)[rows, cols]
    cells = Cells(rows.astype(np.int32), cols.astype(np.int32), values)
    return Ratings(cells=cells, content=hash_cells(cells))


def hash_cells(cells: Cells) -> str:
    """Return the hash of a parsed table in file order."""
    return hash_arrays(cells.rows, cells.cols, cells.values)
