"""Low-rank completion with a bias of each row and of each column, R replicas at once."""

from __future__ import annotations

import torch
from torch import Tensor

from flowadam.task import Split
from trainables.cells import SplitCells
from trainables.completion.choice import choose
from trainables.completion.factorization import observed
from trainables.completion.kernels import Observed
from trainables.problem import FullBatchProblem
from trainables.setup import Setup


class BiasedProblem(FullBatchProblem[Observed]):
    """Predict a_ij by center + b_i + c_j + u_i . v_j; metric "rmse" in the units of the values.

    The loss is the mean squared error over the training cells + penalty * sum(theta^2). The
    prediction is the product of (U, b, 1) and (V, 1, c), so the kernels of the plain factorization
    give the gradient; these wider factors are shared by all replicas.

    Args:
        factors: U [R, k, n] and V [R, k, m] at the start; b [R, 1, n] and c [R, 1, m] begin at 0.
    """

    def __init__(self, data: SplitCells, factors: list[Tensor], setup: Setup) -> None:
        parts: dict[Split, Observed] = {
            split: observed(data.part(split), data.center, setup) for split in setup.splits()
        }
        super().__init__([*factors, *(torch.zeros_like(f[:, :1]) for f in factors)], parts)
        self.kernel = choose(data.shape, observed(data.train, data.center, setup), 0.0)
        self._penalty, self._rank = setup.penalty, factors[0].shape[1]
        self._wide = [f.new_ones(self._rank + 2, f.shape[2]) for f in factors]
        self._slopes = [torch.empty_like(wide) for wide in self._wide]

    def _widened(self, weights: tuple[Tensor, ...]) -> list[Tensor]:
        """Copy the weights of a replica into (U, b, 1) and (V, 1, c)."""
        for place, weight in zip(self._places(self._wide), weights, strict=True):
            place.copy_(weight)
        return self._wide

    def _places(self, wide: list[Tensor]) -> list[Tensor]:
        """Return where U, V, b and c stand in the wider factors."""
        k, (left, right) = self._rank, wide
        return [left[:k], right[:k], left[k : k + 1], right[k + 1 :]]

    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        (left, right), slopes = self._widened(weights), self._slopes
        loss = self.kernel.gradient(left, right, *slopes)
        places = self._places(self._slopes)
        for slot, slope, weight in zip(slots, places, weights, strict=True):
            torch.add(slope, weight, alpha=2 * self._penalty, out=slot)
        return loss.add_(self._squares(weights))

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        u, v, b, c = weights
        wide = torch.cat([u, b, torch.ones_like(b)]), torch.cat([v, torch.ones_like(c), c])
        return self.kernel.loss(*wide) + self._squares(weights)

    def _squares(self, weights: tuple[Tensor, ...]) -> Tensor:
        return self._penalty * torch.stack([w.square().sum() for w in weights]).sum()

    def _score(self, weights: tuple[Tensor, ...], part: Observed) -> dict[str, Tensor]:
        left, right = self._widened(weights)
        errors = self.kernel.predict(left, right, part) - part.values
        return {"rmse": errors.square().mean().sqrt()}
