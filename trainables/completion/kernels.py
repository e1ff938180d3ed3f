"""Gradients in closed form of the mean squared error of a masked low-rank matrix.

With factors U [k, n] and V [k, m] (transposed: products with a wide right-hand side run at twice
the speed), training cells T and a penalty w, the loss is

    L = 1/|T| sum_T (u_i . v_j - a_ij)^2 + w (sum U^2 + sum V^2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

_BLOCK = 1 << 15
"""Cells per block of the gather form: the gathered rows of both factors then stay in the cache."""


@dataclass(frozen=True, eq=False)
class Observed:
    """Cells as tensors: int64 positions and values minus the center, all [n]."""

    rows: Tensor
    cols: Tensor
    values: Tensor


class Kernel(Protocol):
    """Loss, gradient and prediction of one replica."""

    def gradient(self, u: Tensor, v: Tensor, grad_u: Tensor, grad_v: Tensor) -> Tensor:
        """Write both gradients and return the loss, a 0-d tensor."""
        ...

    def loss(self, u: Tensor, v: Tensor) -> Tensor:
        """Return the loss, for autograd."""
        ...

    def predict(self, u: Tensor, v: Tensor, cells: Observed) -> Tensor:
        """Return u_i . v_j at the cells, [n]."""
        ...


class Dense:
    """F = W * (U^T V) - B with W = mask/sqrt|T| and B = A mask/sqrt|T|; then the data part of L is
    sum F^2, dU = 2/sqrt|T| V F^T and dV = 2/sqrt|T| U F.

    The work matrix F is shared by all replicas, so that it stays in the cache.
    """

    def __init__(self, shape: tuple[int, int], train: Observed, penalty: float) -> None:
        root = len(train.values) ** 0.5
        self._weights = train.values.new_zeros(shape)
        self._weights[train.rows, train.cols] = 1 / root
        self._shift = train.values.new_zeros(shape)
        self._shift[train.rows, train.cols] = train.values / -root
        self._work = torch.empty_like(self._weights)
        self._work_t = self._work.t()
        self._flat = self._work.view(-1)
        self._penalty = penalty
        self._factors = {"alpha": 2 / root, "beta": 2 * penalty}

    def gradient(self, u: Tensor, v: Tensor, grad_u: Tensor, grad_v: Tensor) -> Tensor:
        torch.mm(u.t(), v, out=self._work)
        torch.addcmul(self._shift, self._work, self._weights, out=self._work)
        torch.addmm(u, v, self._work_t, out=grad_u, **self._factors)
        torch.addmm(v, u, self._work, out=grad_v, **self._factors)
        return penalized(torch.dot(self._flat, self._flat), u, v, self._penalty)

    def loss(self, u: Tensor, v: Tensor) -> Tensor:
        errors = torch.addcmul(self._shift, u.t() @ v, self._weights)
        return errors.square().sum() + self._penalty * (u.square().sum() + v.square().sum())

    def predict(self, u: Tensor, v: Tensor, cells: Observed) -> Tensor:
        return torch.mm(u.t(), v, out=self._work)[cells.rows, cells.cols]


class Gather:
    """e_t = 2/|T| (u_i . v_j - a_ij); dU_i = sum over t in row i of e_t v_j, dV_j likewise.

    For matrices too large or too sparse to be built: the memory beyond factors and cells is a few
    blocks of gathered rows. The data part of L is |T|/4 sum e^2. The sums over rows run in a fixed
    order on a CPU; on a GPU they do not, so bits may differ there.
    """

    def __init__(self, train: Observed, penalty: float) -> None:
        self._train = train
        self._penalty = penalty

    def gradient(self, u: Tensor, v: Tensor, grad_u: Tensor, grad_v: Tensor) -> Tensor:
        users, items = u.t().contiguous(), v.t().contiguous()
        sum_u, sum_v = 2 * self._penalty * users, 2 * self._penalty * items
        scale = 2 / len(self._train.values)
        total = u.new_zeros(())
        for block in _blocks(self._train):
            a, b = users.index_select(0, block.rows), items.index_select(0, block.cols)
            e = ((a * b).sum(1) - block.values).mul_(scale)
            total += torch.dot(e, e)
            e = e.unsqueeze(1)
            sum_u.index_add_(0, block.rows, b.mul_(e))
            sum_v.index_add_(0, block.cols, a.mul_(e))
        grad_u.copy_(sum_u.t())
        grad_v.copy_(sum_v.t())
        return penalized(total / (2 * scale), u, v, self._penalty)

    def loss(self, u: Tensor, v: Tensor) -> Tensor:
        users, items = u.t(), v.t()
        errors = [
            ((users[b.rows] * items[b.cols]).sum(1) - b.values).square().sum()
            for b in _blocks(self._train)
        ]
        mean = torch.stack(errors).sum() / len(self._train.values)
        return mean + self._penalty * (u.square().sum() + v.square().sum())

    def predict(self, u: Tensor, v: Tensor, cells: Observed) -> Tensor:
        users, items = u.t().contiguous(), v.t().contiguous()
        products = (
            users.index_select(0, block.rows).mul_(items.index_select(0, block.cols)).sum(1)
            for block in _blocks(cells)
        )
        return torch.cat(list(products))


def _blocks(cells: Observed) -> list[Observed]:
    columns = (cells.rows, cells.cols, cells.values)
    return [Observed(*b) for b in zip(*(c.split(_BLOCK) for c in columns), strict=True)]


def penalized(loss: Tensor, u: Tensor, v: Tensor, penalty: float) -> Tensor:
    """Add the penalty to `loss` in place."""
    if penalty:
        for factor in (u.reshape(-1), v.reshape(-1)):
            loss.add_(torch.dot(factor, factor), alpha=penalty)
    return loss
