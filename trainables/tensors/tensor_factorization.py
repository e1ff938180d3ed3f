"""Low-rank completion of a partly observed three-way tensor, R replicas at once."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from trainables.cells import SplitCells
from trainables.completion.factorization import INIT_SCALE, FactorizationProblem
from trainables.completion.kernels import Observed
from trainables.setup import Setup

Shape = tuple[int, int, int]
"""n, m, l: the sizes of a tensor along its three ways."""


class CPProblem(FactorizationProblem):
    """Predict x_ijk by center + sum_r a_ri b_rj c_rk; metric "rmse" in the units of the values.

    The loss is the mean squared error over the training entries + penalty * sum(theta^2). The
    tensor is unfolded along its first way into an n x (m l) matrix, whose entry (i, j l + k) is
    x_ijk. There the model is A^T P with the Khatri-Rao product p_r,jk = b_rj c_rk, so the kernels
    of matrices give dA and dP, and the chain rule gives db_rj = sum_k dp_r,jk c_rk and
    dc_rk = sum_j dp_r,jk b_rj. P and dP are work memory that all replicas share.

    Args:
        data: cells of the unfolded tensor.
        factors: A [R, r, n], B [R, r, m] and C [R, r, l] at the start.
    """

    def __init__(self, data: SplitCells, factors: list[Tensor], setup: Setup) -> None:
        super().__init__(data, factors, replace(setup, penalty=0.0))
        self._penalty = setup.penalty
        _, second, third = factors
        self._pairs = second.new_empty((*second.shape[1:], third.shape[2]), requires_grad=False)
        self._slopes = torch.empty_like(self._pairs)

    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        (a, b, c), (grad_a, grad_b, grad_c) = weights, slots
        pairs, slopes, double = self._khatri_rao(b, c), self._slopes, 2 * self._penalty
        loss = self.kernel.gradient(a, pairs.flatten(1), grad_a, slopes.flatten(1))
        grad_a.add_(a, alpha=double)
        torch.add(torch.linalg.vecdot(slopes, c.unsqueeze(1)), b, alpha=double, out=grad_b)
        columns, rows = c.unsqueeze(1), b.unsqueeze(1)
        torch.baddbmm(columns, rows, slopes, beta=double, out=grad_c.unsqueeze(1))
        return loss + self._penalty * _squares(weights) if self._penalty else loss

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        a, b, c = weights
        pairs = b.unsqueeze(2) * c.unsqueeze(1)
        return self.kernel.loss(a, pairs.flatten(1)) + self._penalty * _squares(weights)

    def _score(self, weights: tuple[Tensor, ...], part: Observed) -> dict[str, Tensor]:
        a, b, c = weights
        errors = self.kernel.predict(a, self._khatri_rao(b, c).flatten(1), part) - part.values
        return {"rmse": errors.square().mean().sqrt()}

    def _khatri_rao(self, b: Tensor, c: Tensor) -> Tensor:
        """Write p_r,jk = b_rj c_rk, [r, m, l], into the shared work memory."""
        return torch.mul(b.unsqueeze(2), c.unsqueeze(1), out=self._pairs)


def starting_factors(setup: Setup, name: str, shape: Shape, rank: int) -> list[Tensor]:
    """Return A, B and C of 0.1 N(0, 1) entries, drawn for the task `name`."""
    return setup.stacked_normal(name, *(((rank, size), INIT_SCALE) for size in shape))


def _squares(weights: tuple[Tensor, ...]) -> Tensor:
    return sum((torch.dot(w.flatten(), w.flatten()) for w in weights), weights[0].new_zeros(()))
