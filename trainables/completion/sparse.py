"""The closed form with sparse errors, for matrices of which few cells are observed."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from trainables.completion.kernels import Observed, penalized


class Sparse:
    """E = the errors U^T V - A at the cells of T as a sparse n x m matrix; then the data part of L
    is 1/|T| sum E^2, dU^T = 2/|T| E V^T and dV^T = 2/|T| E^T U^T.

    The product U^T V is dense; the errors are read from it into the compressed rows of E, and from
    there into those of E^T, whose products with the factors then touch observed cells only. All
    work memory is shared by the replicas.

    Needs torch's sparse products on the CPU, which it has where `supported` says so.
    """

    def __init__(self, shape: tuple[int, int], train: Observed, penalty: float) -> None:
        n, m = shape
        self._product = train.values.new_empty(shape)
        by_rows = torch.argsort(train.rows * m + train.cols)
        rows, cols = train.rows[by_rows], train.cols[by_rows]
        self._places, self._values = rows * m + cols, train.values[by_rows]
        self._by_cols = torch.argsort(cols * n + rows)
        self._matrix = _compressed(shape, rows, cols, self._values)
        self._turned = _compressed((m, n), cols[self._by_cols], rows[self._by_cols], self._values)
        self._errors, self._turned_errors = self._matrix.values(), self._turned.values()
        self._penalty, count = penalty, len(train.values)
        self._share, self._scale = 1 / count, {"alpha": 2 / count, "beta": 0}
        self._room: list[Tensor] = []

    def gradient(self, u: Tensor, v: Tensor, grad_u: Tensor, grad_v: Tensor) -> Tensor:
        torch.mm(u.t(), v, out=self._product)
        torch.index_select(self._product.view(-1), 0, self._places, out=self._errors)
        self._errors.sub_(self._values)
        torch.index_select(self._errors, 0, self._by_cols, out=self._turned_errors)
        users, items, slope_u, slope_v = self._rows(u, v)
        users.copy_(u.t())
        items.copy_(v.t())
        torch.addmm(slope_u, self._matrix, items, out=slope_u, **self._scale)
        torch.addmm(slope_v, self._turned, users, out=slope_v, **self._scale)
        torch.add(slope_u.t(), u, alpha=2 * self._penalty, out=grad_u)
        torch.add(slope_v.t(), v, alpha=2 * self._penalty, out=grad_v)
        loss = torch.dot(self._errors, self._errors).mul_(self._share)
        return penalized(loss, u, v, self._penalty)

    def _rows(self, u: Tensor, v: Tensor) -> list[Tensor]:
        """Return room for both factors and gradients with the k numbers of a row side by side."""
        if not self._room or self._room[0].shape[1] != u.shape[0]:
            self._room = [
                torch.empty_like(f.t(), memory_format=torch.contiguous_format) for f in (u, v, u, v)
            ]
        return self._room

    def loss(self, u: Tensor, v: Tensor) -> Tensor:
        errors = (u.t() @ v).reshape(-1)[self._places] - self._values
        squares = u.square().sum() + v.square().sum()
        return errors.square().mean() + self._penalty * squares

    def predict(self, u: Tensor, v: Tensor, cells: Observed) -> Tensor:
        return torch.mm(u.t(), v, out=self._product)[cells.rows, cells.cols]


def _compressed(shape: tuple[int, int], rows: Tensor, cols: Tensor, like: Tensor) -> Tensor:
    """Return a sparse matrix in compressed rows, its values to be filled in: cells come by rows.

    Its indices are of 32 bits, which MKL takes as they are.
    """
    ends = torch.bincount(rows, minlength=shape[0]).cumsum(0)
    starts, cols = torch.cat([ends.new_zeros(1), ends]).int(), cols.int()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            starts, cols, torch.empty_like(like), shape, check_invariants=False
        )


def supported(train: Observed) -> bool:
    """Say whether torch multiplies sparse matrices where the cells are: on CPUs, by MKL."""
    return train.values.device.type == "cpu" and torch.backends.mkl.is_available()
