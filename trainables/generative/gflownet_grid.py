"""A generative flow network on a grid world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.cells import hash_arrays
from trainables.generative.grid import (
    Grid,
    distances,
    hyper_grid,
    terminal_distribution,
    uniform_policy,
)
from trainables.options import MOST_BATCH, MOST_WIDTH, require_whole

if TYPE_CHECKING:
    from trainables.generative.gflownet import GFlowNetProblem
    from trainables.setup import Setup

MOST_SIDE = 128


@dataclass(frozen=True, kw_only=True)
class GFlowNetGrid(BenchmarkTask):
    """Learn to stop in each state of a grid with a chance proportional to its reward.

    The objective is flow matching, see ``generative.gflownet``, the reward ``grid.hyper_grid``. The
    metric "l1" is the exact sum |p - R / sum R| over all states, between 0 and 2; "kl" stands
    beside it. Nothing is estimated, so validation and test have the same value; no data are drawn,
    so `data_seed` changes nothing.

    Args:
        side: states along each edge, from 2 to 128.
        hidden: width of the two hidden layers, at most 4,096.
        trajectories: of a step, at most 4,096.

    Raises:
        InputError: an option is out of its range.
    """

    name: str = "gflownet_grid"
    summary: str = "generative flow network on the 8 x 8 grid world, flow matching"
    budget: int = 3000
    side: int = 8
    hidden: int = 64
    trajectories: int = 16

    metric = "l1"
    deterministic = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("side", self.side, 2, MOST_SIDE)
        require_whole("hidden", self.hidden, 1, MOST_WIDTH)
        require_whole("trajectories", self.trajectories, 1, MOST_BATCH)

    def data(self) -> Grid:
        return hyper_grid(self.side)

    def content_hash(self) -> str:
        """Hash of the rewards."""
        return hash_arrays(self.data().reward)

    def tiny(self) -> GFlowNetGrid:
        return replace(self, side=4, hidden=6, trajectories=4)

    def problem(self, setup: Setup) -> GFlowNetProblem:
        from trainables.generative.gflownet import GFlowNetProblem

        options = {"hidden": self.hidden, "trajectories": self.trajectories}
        return GFlowNetProblem(self.data(), **options, name=self.name, setup=setup)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the distance of equal chances for all states, and of all actions in a walk."""
        grid = self.data()
        even = np.full(len(grid.reward), 1 / len(grid.reward))
        walk = terminal_distribution(grid, uniform_policy(grid))
        return {"uniform": distances(grid, even)["l1"], "random walk": distances(grid, walk)["l1"]}


def gflownet_grid(
    *, side: int = 8, hidden: int = 64, trajectories: int = 16, data_seed: int = 0
) -> GFlowNetGrid:
    """Return the task; see ``GFlowNetGrid`` for the options."""
    return GFlowNetGrid(side=side, hidden=hidden, trajectories=trajectories, data_seed=data_seed)
