"""Factorization of synthetic low-rank matrices with outliers, in three published sizes.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652), in the fair form: one data seed
fixes matrix, outliers and split, and a validation part is held out of the entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.cells import SplitCells, hash_arrays, held_out
from trainables.options import MOST_RANK, require_whole

if TYPE_CHECKING:
    from trainables.completion.huber import HuberProblem
    from trainables.setup import Setup

EXTRA_RANK = 3
"""The model's rank minus the true one, as published."""


@dataclass(frozen=True, kw_only=True)
class RobustFactorization(BenchmarkTask):
    """Y = X Z^T + S + noise * N(0, 1) with X, Z of N(0, 1)/sqrt(r) entries; find X Z^T.

    An entry of S is magnitude * N(0, 1) with chance `outliers`, otherwise 0. A tenth of the
    entries of Y, rounded down, is validation, the others are training; test are all entries of
    the clean matrix X Z^T.

    The metric "mae" is the mean absolute error over the entries of a part, and "rmse" stands
    beside it; the published figures are the "rmse" of the test part. Validation can see noisy
    entries only. There the outliers rule the squared error, but to the absolute error each of
    them adds about its own size, whatever the model does, so that the rest follows the error to
    the clean matrix. Over ten data seeds, four penalties and twelve points of a run with Adam,
    the lowest validation "mae" was found within 1 % of the lowest test "rmse" on average in each
    size, and the lowest validation "rmse" 3 to 11 % above it.

    Args:
        rank: columns of the model's factors, from 1 to 1,000.
        rows, columns: shape of Y.
        true_rank: r; the model's rank is r + 3.
        outliers: share of entries with an outlier, in (0, 1).
        magnitude: standard deviation of the outliers, in the units of the entries.
        noise: standard deviation of the dense noise, in the same units.
    """

    rank: int
    rows: int
    columns: int
    true_rank: int
    outliers: float
    magnitude: float
    noise: float

    metric = "mae"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("rank", self.rank, 1, MOST_RANK)

    def data(self) -> SplitCells:
        """Return the cells of the parts; those of test share positions, not values, with others."""
        return _draw(self)

    def problem(self, setup: Setup) -> HuberProblem:
        from trainables.completion.factorization import starting_factors
        from trainables.completion.huber import HuberProblem

        data = self.data()
        factors = starting_factors(setup, self.name, data.shape, self.rank)
        return HuberProblem(data, factors, setup)

    def content_hash(self) -> str:
        """Hash of positions alone, drawn after all values; see ``MatrixCompletion``."""
        return hash_arrays(*self.data().positions())

    def tiny(self) -> RobustFactorization:
        return replace(self, rows=12, columns=10, true_rank=2, rank=3)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the mean absolute error of the zero matrix and of the training median."""
        data = self.data()
        values, median = data.part(split).values, np.median(data.train.values)
        return {
            "zero matrix": float(np.abs(values).mean(dtype=np.float64)),
            "training median": float(np.abs(values - median).mean(dtype=np.float64)),
        }


def small(*, data_seed: int = 0) -> RobustFactorization:
    """Return the 60 x 80 scenario of true rank 5."""
    return _scenario("small", (60, 80), 5, (0.20, 4.0), 0.08, data_seed)


def medium(*, data_seed: int = 0) -> RobustFactorization:
    """Return the 80 x 100 scenario of true rank 8."""
    return _scenario("medium", (80, 100), 8, (0.20, 4.5), 0.10, data_seed)


def large(*, data_seed: int = 0) -> RobustFactorization:
    """Return the 100 x 120 scenario of true rank 10."""
    return _scenario("large", (100, 120), 10, (0.18, 5.0), 0.12, data_seed)


def _scenario(
    size: str,
    shape: tuple[int, int],
    rank: int,
    outliers: tuple[float, float],
    noise: float,
    seed: int,
) -> RobustFactorization:
    (rows, columns), (share, magnitude) = shape, outliers
    return RobustFactorization(
        name=f"robust_factorization_{size}",
        summary=f"synthetic {rows} x {columns} matrix of rank {rank}, {share:.0%} outliers",
        budget=500,
        data_seed=seed,
        rank=rank + EXTRA_RANK,
        rows=rows,
        columns=columns,
        true_rank=rank,
        outliers=share,
        magnitude=magnitude,
        noise=noise,
    )


@lru_cache(maxsize=4)
def _draw(task: RobustFactorization) -> SplitCells:
    rng = np.random.default_rng(derive("data", task.name, task.data_seed))
    left = rng.standard_normal((task.rows, task.true_rank))
    right = rng.standard_normal((task.columns, task.true_rank))
    clean = left @ right.T / task.true_rank
    hit = rng.random(clean.shape) < task.outliers
    spikes = task.magnitude * rng.standard_normal(clean.shape) * hit
    noisy = clean + spikes + task.noise * rng.standard_normal(clean.shape)
    order = rng.permutation(clean.size)
    return held_out(task.name, noisy, clean, order, np.arange(clean.size))
