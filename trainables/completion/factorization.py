"""Low-rank completion of a partly observed matrix, R replicas at once."""

from __future__ import annotations

from torch import Tensor

from flowadam.task import Split
from trainables.cells import Cells, SplitCells
from trainables.completion.choice import choose
from trainables.completion.kernels import Observed
from trainables.problem import FullBatchProblem
from trainables.setup import Setup

INIT_SCALE = 0.1
"""Standard deviation of the factors at the start, as in the published benchmark scripts."""


class FactorizationProblem(FullBatchProblem[Observed]):
    """Predict a_ij by center + u_i . v_j; metric "rmse" in the units of the values.

    The loss is the mean squared error over the training cells + penalty * sum(theta^2).

    Args:
        factors: U [R, k, n] and V [R, k, m] at the start.
    """

    def __init__(self, data: SplitCells, factors: list[Tensor], setup: Setup) -> None:
        parts: dict[Split, Observed] = {
            split: observed(data.part(split), data.center, setup) for split in setup.splits()
        }
        super().__init__(factors, parts)
        train = observed(data.train, data.center, setup)
        self.kernel = choose(data.shape, train, setup.penalty)

    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        (u, v), (grad_u, grad_v) = weights, slots
        return self.kernel.gradient(u, v, grad_u, grad_v)

    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        return self.kernel.loss(*weights)

    def _score(self, weights: tuple[Tensor, ...], part: Observed) -> dict[str, Tensor]:
        u, v = weights
        errors = self.kernel.predict(u, v, part) - part.values
        return {"rmse": errors.square().mean().sqrt()}


def starting_factors(setup: Setup, name: str, shape: tuple[int, int], rank: int) -> list[Tensor]:
    """Return U [R, k, n] and V [R, k, m] of 0.1 N(0, 1) entries, drawn for the task `name`."""
    sizes = ((rank, count) for count in shape)
    return setup.stacked_normal(name, *((size, INIT_SCALE) for size in sizes))


def observed(cells: Cells, center: float, setup: Setup) -> Observed:
    """Copy cells to the problem's dtype and device, minus the center."""
    values = setup.tensor(cells.values).sub_(center)
    return Observed(setup.index(cells.rows), setup.index(cells.cols), values)
