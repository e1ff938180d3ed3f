"""Low-rank factorization of a matrix with outliers, R replicas at once."""

from __future__ import annotations

import torch
from torch import Tensor

from flowadam.task import Split
from trainables.cells import Cells, SplitCells
from trainables.completion.kernels import Observed
from trainables.problem import FullBatchProblem
from trainables.setup import Setup


class HuberProblem(FullBatchProblem[Observed]):
    """Fit y_ij by u_i . v_j under the Huber loss with delta 1; metrics "mae" and "rmse".

    With E = U^T V - Y on the N training entries and C = clip(E, -1, 1), the Huber loss of an
    entry is c (e - c/2), that is e^2/2 inside [-1, 1] and |e| - 1/2 outside, and its slope is c:

        L = 1/N sum c (e - c/2) + w (sum U^2 + sum V^2),
        dU = V C^T / N + 2 w U,  dV = U C / N + 2 w V.

    Both metrics are means over the entries of a part, in the units of the entries. The work
    matrices E and C are shared by all replicas, so that they stay in the cache.

    Args:
        factors: U [R, k, n] and V [R, k, m] at the start.
    """

    def __init__(self, data: SplitCells, factors: list[Tensor], setup: Setup) -> None:
        parts: dict[Split, Observed] = {
            split: _observed(data.part(split), setup) for split in setup.splits()
        }
        super().__init__(factors, parts)
        train, count = _observed(data.train, setup), len(data.train)
        self._known = train.values.new_zeros(data.shape)
        self._known[train.rows, train.cols] = 1.0
        self._values = torch.zeros_like(self._known)
        self._values[train.rows, train.cols] = train.values
        self._errors = torch.empty_like(self._known)
        self._slopes = torch.empty_like(self._known)
        self._count, self._penalty = count, setup.penalty
        self._factors = {"alpha": 1 / count, "beta": 2 * setup.penalty}

    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        (u, v), (grad_u, grad_v) = weights, slots
        torch.mm(u.t(), v, out=self._errors).sub_(self._values)
        torch.clamp(self._errors, -1, 1, out=self._slopes).mul_(self._known)
        torch.addmm(u, v, self._slopes.t(), out=grad_u, **self._factors)
        torch.addmm(v, u, self._slopes, out=grad_v, **self._factors)
        errors, slopes = self._errors.view(-1), self._slopes.view(-1)
        loss = torch.dot(slopes, errors).sub_(torch.dot(slopes, slopes), alpha=0.5)
        return loss.div_(self._count).add_(self._squares(u, v))

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        u, v = weights
        errors = u.t() @ v - self._values
        slopes = errors.clamp(-1, 1) * self._known
        return (slopes * (errors - slopes / 2)).sum() / self._count + self._squares(u, v)

    def _squares(self, u: Tensor, v: Tensor) -> Tensor | float:
        return self._penalty and self._penalty * (u.square().sum() + v.square().sum())

    def _score(self, weights: tuple[Tensor, ...], part: Observed) -> dict[str, Tensor]:
        u, v = weights
        errors = torch.mm(u.t(), v)[part.rows, part.cols] - part.values
        return {"mae": errors.abs().mean(), "rmse": errors.square().mean().sqrt()}


def _observed(cells: Cells, setup: Setup) -> Observed:
    return Observed(setup.index(cells.rows), setup.index(cells.cols), setup.tensor(cells.values))
