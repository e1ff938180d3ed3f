"""Sparse matrices of torch in compressed rows."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor


def compressed(starts: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return the matrix with `values` in `columns` (int64), row i from starts[i] to starts[i+1].

    Torch warns once that this layout is in beta state; products with dense matrices, all that is
    needed here, are old, and tests compare them with the dense formula.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(starts, columns, values, shape, check_invariants=False)


def by_rows(
    rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return the matrix with `values` at (rows, columns) in any order, and that order by rows."""
    order = torch.argsort(rows * shape[1] + columns, stable=True)
    return compressed(row_starts(rows, shape[0]), columns[order], values[order], shape), order


def row_starts(rows: Tensor, count: int) -> Tensor:
    """Return where each of `count` rows starts, and the end: [count + 1]."""
    starts = rows.new_zeros(count + 1)
    torch.cumsum(torch.bincount(rows, minlength=count), 0, out=starts[1:])
    return starts
