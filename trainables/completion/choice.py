"""Which closed form a matrix gets."""

from __future__ import annotations

from trainables.completion.kernels import Dense, Gather, Kernel, Observed
from trainables.completion.sparse import Sparse, supported

DENSE_BYTES = 1e9
"""A matrix of float64 above this size is never built."""

SPARSE_SHARE = 1 / 7
"""Share of observed cells below which sparse errors were measured to be faster than dense ones."""

SPARSE_CELLS = 100_000
"""Cells of a matrix, observed or not, below which its dense products were measured to be faster."""

GATHER_SHARE = 1 / 50
"""Share of observed cells below which the gather form was measured to be faster than `Sparse`."""

GATHER_INSTEAD_OF_DENSE = 1 / 32
"""The same where torch has no sparse products."""


def choose(shape: tuple[int, int], train: Observed, penalty: float) -> Kernel:
    """Return the form that is fastest for the share of observed cells and fits into memory."""
    size = shape[0] * shape[1]
    share = len(train.values) / size
    sparse = supported(train)
    if size * 8 >= DENSE_BYTES or share < (GATHER_SHARE if sparse else GATHER_INSTEAD_OF_DENSE):
        return Gather(train, penalty)
    if sparse and share < SPARSE_SHARE and size >= SPARSE_CELLS:
        return Sparse(shape, train, penalty)
    return Dense(shape, train, penalty)
