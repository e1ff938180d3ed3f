"""Low-rank completion of a partly observed matrix, R replicas at once."""

from __future__ import annotations

from torch import Tensor

from flowadam.task import Split
from trainables.cells import Cells, SplitCells
from trainables.kernels import Observed, choose
from trainables.problem import FullBatchProblem
from trainables.setup import Setup

INIT_SCALE = 0.1
"""Standard deviation of the factors at the start, as in the published benchmark scripts."""


class FactorizationProblem(FullBatchProblem[Observed]):
    """Predict a_ij by center + u_i . v_j; metric "rmse" in the units of the values.

    The loss is the mean squared error over the training cells + penalty * sum(theta^2). Parameters
    are U [R, k, n] and V [R, k, m], each entry 0.1 N(0, 1) at the start.

    Args:
        name: the task's name, an axis of the initialization's seed.
        rank: k, columns of the factors.
    """

    def __init__(self, data: SplitCells, *, name: str, rank: int, setup: Setup) -> None:
        rows, cols = data.shape
        factors = setup.stacked_normal(name, ((rank, rows), INIT_SCALE), ((rank, cols), INIT_SCALE))
        parts: dict[Split, Observed] = {
            split: _observed(data.part(split), data.center, setup) for split in setup.splits()
        }
        super().__init__(factors, parts)
        train = _observed(data.train, data.center, setup)
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


def _observed(cells: Cells, center: float, setup: Setup) -> Observed:
    values = setup.tensor(cells.values).sub_(center)
    return Observed(setup.index(cells.rows), setup.index(cells.cols), values)
