"""What the completion tasks share: one metric, one problem."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowadam.task import Problem, Split
from trainables.base import BenchmarkTask
from trainables.cells import SplitCells, additive_baselines
from trainables.options import MOST_RANK, require_whole

if TYPE_CHECKING:
    from trainables.setup import Setup


@dataclass(frozen=True, kw_only=True)
class CompletionTask(BenchmarkTask):
    """Complete a partly observed matrix by a product of two factors of rank `rank`.

    Args:
        rank: columns of the factors, from 1 to 1,000.

    Raises:
        InputError: `rank` or `data_seed` is not a whole number in its range.
    """

    rank: int

    metric = "rmse"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("rank", self.rank, 1, MOST_RANK)

    @abstractmethod
    def data(self) -> SplitCells:
        """Return the training, validation and test cells."""

    def problem(self, setup: Setup) -> Problem:
        from trainables.completion.factorization import FactorizationProblem, starting_factors

        data = self.data()
        factors = starting_factors(setup, self.name, data.shape, self.rank)
        return FactorizationProblem(data, factors, setup)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the RMSE of the training mean, the row means and row + column biases."""
        return additive_baselines(self.data(), split, "row", "column")
