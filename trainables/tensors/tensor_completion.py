"""Completion of synthetic three-way tensors with noisy observations, in three published sizes.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652), in the fair form: one data seed
fixes data, mask and split, and a validation part is held out of the observed entries.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.cells import SplitCells, hash_arrays, held_out, rmse
from trainables.completion.completion import CompletionTask

if TYPE_CHECKING:
    from trainables.setup import Setup
    from trainables.tensors.tensor_factorization import CPProblem, Shape

EXTRA_RANK = 5
"""The model's rank minus the true one, as published."""


@dataclass(frozen=True, kw_only=True)
class CPTask(CompletionTask):
    """Complete a partly observed n x m x l tensor by a sum of `rank` outer products.

    The data are the cells of the tensor unfolded along its first way into an n x (m l) matrix:
    entry x_ijk stands in row i and column j l + k.
    """

    @abstractmethod
    def tensor_shape(self) -> Shape:
        """Return (n, m, l)."""

    def problem(self, setup: Setup) -> CPProblem:
        from trainables.tensors.tensor_factorization import CPProblem, starting_factors

        factors = starting_factors(setup, self.name, self.tensor_shape(), self.rank)
        return CPProblem(self.data(), factors, setup)


@dataclass(frozen=True, kw_only=True)
class TensorCompletion(CPTask):
    """x_ijk = sum_r a_ir b_jr c_kr with factors of N(0, 1)/sqrt(r) entries.

    Each entry is observed with chance `density`. Observed entries carry noise * N(0, 1); a tenth
    of them, rounded down, is validation. Test are all unobserved entries, without noise.

    Args:
        shape: n, m, l.
        true_rank: r; the model's rank is r + 5.
        density: share of observed entries, in (0, 1).
        noise: standard deviation of the noise, in the units of the entries.
    """

    shape: Shape
    true_rank: int
    density: float
    noise: float

    def tensor_shape(self) -> Shape:
        return self.shape

    def data(self) -> SplitCells:
        return _draw(self)

    def content_hash(self) -> str:
        """Hash of positions alone; see ``MatrixCompletion``."""
        return hash_arrays(*self.data().positions())

    def tiny(self) -> TensorCompletion:
        return replace(self, shape=(6, 7, 8), true_rank=2, rank=3, density=0.5)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the RMSE of the zero tensor, the training mean and the means of the slices."""
        zero = rmse(self.data().part(split).values)
        additive = super().constants(split)
        means = {"constant": additive["constant"], "slice mean": additive["row mean"]}
        return {"zero tensor": zero, **means}


def small(*, data_seed: int = 0) -> TensorCompletion:
    """Return the 30 x 40 x 50 scenario of true rank 5."""
    return _scenario("small", (30, 40, 50), 5, 0.10, data_seed)


def medium(*, data_seed: int = 0) -> TensorCompletion:
    """Return the 40 x 50 x 60 scenario of true rank 8."""
    return _scenario("medium", (40, 50, 60), 8, 0.08, data_seed)


def large(*, data_seed: int = 0) -> TensorCompletion:
    """Return the 50 x 60 x 70 scenario of true rank 10."""
    return _scenario("large", (50, 60, 70), 10, 0.08, data_seed)


def _scenario(size: str, shape: Shape, rank: int, density: float, seed: int) -> TensorCompletion:
    sides = " x ".join(map(str, shape))
    return TensorCompletion(
        name=f"tensor_completion_{size}",
        summary=f"synthetic {sides} tensor of rank {rank}, {density:.0%} observed",
        budget=1000,
        rank=rank + EXTRA_RANK,
        data_seed=seed,
        shape=shape,
        true_rank=rank,
        density=density,
        noise=0.10,
    )


@lru_cache(maxsize=4)
def _draw(task: TensorCompletion) -> SplitCells:
    rng = np.random.default_rng(derive("data", task.name, task.data_seed))
    sizes = ((count, task.true_rank) for count in task.shape)
    a, b, c = (rng.standard_normal(size) / task.true_rank**0.5 for size in sizes)
    truth = a @ (b[:, None] * c).reshape(-1, task.true_rank).T
    shown = rng.random(truth.shape) < task.density
    noisy = truth + task.noise * rng.standard_normal(truth.shape)
    observed = rng.permutation(np.flatnonzero(shown))
    return held_out(task.name, noisy, truth, observed, np.flatnonzero(~shown))
