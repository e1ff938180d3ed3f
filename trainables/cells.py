"""A partly observed matrix, split into training, validation and test cells."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flowadam.errors import InputError
from flowadam.task import Split

Index = NDArray[np.int32]
Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cells:
    """Known entries of a matrix: ``A[rows[t], cols[t]] = values[t]``; all three have shape [n]."""

    rows: Index
    cols: Index
    values: Values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: NDArray[np.int64]) -> Cells:
        """Return the cells at the positions `chosen`, in that order."""
        return Cells(self.rows[chosen], self.cols[chosen], self.values[chosen])


@dataclass(frozen=True, eq=False)
class SplitCells:
    """The three disjoint parts of a partly observed matrix.

    Args:
        shape: rows and columns of the matrix.
        center: what models subtract from every value, in the units of the values.
    """

    shape: tuple[int, int]
    train: Cells
    val: Cells
    test: Cells
    center: float

    def part(self, split: Split) -> Cells:
        return self.val if split == "val" else self.test

    def positions(self) -> list[Index]:
        """Return rows and columns of the three parts, for hashing."""
        return [a for part in (self.train, self.val, self.test) for a in (part.rows, part.cols)]


def hash_arrays(*arrays: NDArray[np.generic]) -> str:
    """Return 16 hex digits of the SHA-256 of the arrays' types, shapes and bytes."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()[:16]


def dense_cells(matrix: Values, chosen: NDArray[np.int64]) -> Cells:
    """Return the cells of a full matrix at flat (row-major) positions, in ascending order."""
    rows, cols = np.unravel_index(np.sort(chosen), matrix.shape)
    return Cells(rows.astype(np.int32), cols.astype(np.int32), matrix[rows, cols])


def held_out(
    name: str,
    seen: NDArray[np.floating],
    clean: NDArray[np.floating],
    observed: NDArray[np.int64],
    test: NDArray[np.int64],
) -> SplitCells:
    """Return the parts of a synthetic matrix: of what is observed, a tenth is validation.

    Args:
        name: the task's name, for the error.
        seen, clean: values with noise, of training and validation, and without, of test; [n, m].
        observed: flat positions in random order; the first tenth, rounded down, is held out.
        test: flat positions.

    Raises:
        InputError: fewer than ten positions are observed.
    """
    count = len(observed) // 10
    if count == 0:
        raise InputError(f"{name} needs at least 10 observed entries, got {len(observed)}.")
    noisy = seen.astype(np.float32)
    return SplitCells(
        shape=(clean.shape[0], clean.shape[1]),
        train=dense_cells(noisy, observed[count:]),
        val=dense_cells(noisy, observed[:count]),
        test=dense_cells(clean.astype(np.float32), test),
        center=0.0,
    )


def additive_baselines(data: SplitCells, split: Split, row: str, col: str) -> Mapping[str, float]:
    """Return the RMSE of three predictors fitted to the training cells.

    "constant" predicts the training mean mu, "`row` mean" the mean of the row (mu where it has no
    training cell), "`row` + `col`" predicts mu + b_i + c_j; see `damped_biases`.
    """
    train, part = data.train, data.part(split)
    mean, row_biases, col_biases = damped_biases(train, data.shape)
    row_means = _biases(train.rows, train.values - mean, data.shape[0], damping=0)
    return {
        "constant": rmse(part.values - mean),
        f"{row} mean": rmse(part.values - mean - row_means[part.rows]),
        f"{row} + {col}": rmse(part.values - mean - row_biases[part.rows] - col_biases[part.cols]),
    }


def damped_biases(
    train: Cells, shape: tuple[int, int]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return mean mu, row biases b [n] and column biases c [m] of one pass, columns first.

    With damping 5: c_j = sum(A_ij - mu) / (n_j + 5), b_i = sum(A_ij - mu - c_j) / (n_i + 5).
    """
    mean = float(train.values.mean(dtype=np.float64))
    residuals = train.values - mean
    cols = _biases(train.cols, residuals, shape[1], damping=5)
    return mean, _biases(train.rows, residuals - cols[train.cols], shape[0], damping=5), cols


def rmse(errors: NDArray[np.floating]) -> float:
    """Return the root mean square of `errors`."""
    return float(np.sqrt(np.mean(np.square(errors, dtype=np.float64))))


def _biases(
    index: Index, residuals: NDArray[np.floating], size: int, *, damping: int
) -> NDArray[np.float64]:
    """Return sum / (count + damping) of the residuals of each index; 0 where there are none."""
    sums = np.bincount(index, residuals, minlength=size)
    counts = np.bincount(index, minlength=size)
    return sums / np.maximum(counts + damping, 1)
