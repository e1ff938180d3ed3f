"""Completion of synthetic low-rank matrices with noisy observations, in three published sizes.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652), in the fair form: one data seed
fixes data, mask and split, and a validation part is held out of the observed entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.cells import SplitCells, hash_arrays, held_out, rmse
from trainables.completion.completion import CompletionTask

EXTRA_RANK = 5
"""The model's rank minus the true one, as published."""


@dataclass(frozen=True, kw_only=True)
class MatrixCompletion(CompletionTask):
    """A = X Y^T with X, Y of N(0, 1)/sqrt(r) entries; each entry is observed with chance `density`.

    Observed entries carry noise * N(0, 1). A tenth of them, rounded down, is validation; test are
    all unobserved entries, without noise.

    Args:
        users, items: rows and columns of A.
        true_rank: r; the model's rank is r + 5.
        density: share of observed entries, in (0, 1).
        noise: standard deviation of the noise, in the units of the entries.
    """

    users: int
    items: int
    true_rank: int
    density: float
    noise: float

    def data(self) -> SplitCells:
        return _draw(self)

    def content_hash(self) -> str:
        """Hash of positions alone.

        A product of matrices may differ in its last bit between processors, while positions show a
        changed random stream just as well.
        """
        return hash_arrays(*self.data().positions())

    def tiny(self) -> MatrixCompletion:
        return replace(self, users=12, items=10, true_rank=2, rank=3, density=0.5)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Add the zero matrix to the additive baselines."""
        zero = rmse(self.data().part(split).values)
        return {"zero matrix": zero, **super().constants(split)}


def small(*, data_seed: int = 0) -> MatrixCompletion:
    """Return the 200 x 300 scenario of true rank 10."""
    return _scenario("small", (200, 300), 10, 0.30, 0.10, data_seed)


def medium(*, data_seed: int = 0) -> MatrixCompletion:
    """Return the 300 x 400 scenario of true rank 15."""
    return _scenario("medium", (300, 400), 15, 0.20, 0.10, data_seed)


def large(*, data_seed: int = 0) -> MatrixCompletion:
    """Return the 400 x 500 scenario of true rank 20."""
    return _scenario("large", (400, 500), 20, 0.15, 0.15, data_seed)


def _scenario(
    size: str, shape: tuple[int, int], rank: int, density: float, noise: float, seed: int
) -> MatrixCompletion:
    users, items = shape
    return MatrixCompletion(
        name=f"matrix_completion_{size}",
        summary=f"synthetic {users} x {items} matrix of rank {rank}, {density:.0%} observed",
        budget=1000,
        rank=rank + EXTRA_RANK,
        data_seed=seed,
        users=users,
        items=items,
        true_rank=rank,
        density=density,
        noise=noise,
    )


@lru_cache(maxsize=4)
def _draw(task: MatrixCompletion) -> SplitCells:
    rng = np.random.default_rng(derive("data", task.name, task.data_seed))
    left = rng.standard_normal((task.users, task.true_rank))
    right = rng.standard_normal((task.items, task.true_rank))
    truth = left @ right.T / task.true_rank
    shown = rng.random(truth.shape) < task.density
    noisy = truth + task.noise * rng.standard_normal(truth.shape)
    observed = rng.permutation(np.flatnonzero(shown))
    return held_out(task.name, noisy, truth, observed, np.flatnonzero(~shown))
