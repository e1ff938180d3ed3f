"""Jester and MovieLens-100K: real ratings, plain and with the two-stage model of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowadam import datasets
from flowadam.task import Split
from trainables.cells import Cells, SplitCells, additive_baselines, damped_biases, rmse
from trainables.completion.ratings import Ratings, hash_cells, sample

if TYPE_CHECKING:
    from trainables.completion.biased import BiasedProblem
    from trainables.setup import Setup

_KNOWN = {
    "jester": ("jester1", "1.8 million ratings of 100 jokes by 24,983 people (Jester-1 part 1)"),
    "movielens": (
        "ml100k",
        "100,000 ratings of 1,682 films by 943 people (MovieLens-100K)",
    ),
    "movielens_residual": ("ml100k", "MovieLens-100K after user and film biases, factors alone"),
}
BUDGETS = {"jester": 300, "movielens": 500, "movielens_residual": 500}


@dataclass(frozen=True, kw_only=True)
class ResidualRatings(Ratings):
    """Stage two of a two-stage model: factors fit what biases leave.

    Stage one, mean + item bias + user bias, has a closed form (`damped_biases`) and is fitted to
    the training part once. What it leaves of every rating is factorized; the RMSE of the residual
    is that of the whole prediction.
    """

    def data(self) -> SplitCells:
        data = super().data()
        mean, rows, cols = damped_biases(data.train, data.shape)

        def rest(cells: Cells) -> Cells:
            left = cells.values - mean - rows[cells.rows] - cols[cells.cols]
            return Cells(cells.rows, cells.cols, left.astype(np.float32))

        parts = (rest(part) for part in (data.train, data.val, data.test))
        return SplitCells(data.shape, *parts, center=0.0)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the RMSE of stage one alone, and the baselines of the ratings themselves."""
        whole = additive_baselines(super().data(), split, "user", "item")
        return {"biases alone": rmse(self.data().part(split).values), **whole}


@dataclass(frozen=True, kw_only=True)
class BiasedRatings(Ratings):
    """Factors and biases at once: mean + b_i + c_j + u_i . v_j.

    Factors alone have to spend directions on what users and films have in common. On
    MovieLens-100K Adam brings them to a test RMSE of .962 at the best of five penalties and two
    rates, and a larger budget does not help, since validation is best before its end; mean and
    damped biases without factors have .942. Both at once have .918. Two stages, biases first and
    then factors to what they leave, are the paper's way, see `ResidualRatings`.

    Args:
        biases: part of the fingerprint, always True.
    """

    biases: bool = True

    def problem(self, setup: Setup) -> BiasedProblem:
        from trainables.completion.biased import BiasedProblem
        from trainables.completion.factorization import starting_factors

        data = self.data()
        factors = starting_factors(setup, self.name, data.shape, self.rank)
        return BiasedProblem(data, factors, setup)


def jester(*, rank: int = 20, data_seed: int = 0) -> Ratings:
    """Return the Jester task; needs ``flowadam data get jester1``."""
    return _load("jester", rank, data_seed)


def movielens(*, rank: int = 20, data_seed: int = 0) -> Ratings:
    """Return the MovieLens-100K task, see `BiasedRatings`; needs ``flowadam data get ml100k``."""
    return _load("movielens", rank, data_seed)


def movielens_residual(*, rank: int = 20, data_seed: int = 0) -> Ratings:
    """Return the second stage on MovieLens-100K; needs ``flowadam data get ml100k``."""
    return _load("movielens_residual", rank, data_seed)


def jester_sample() -> Ratings:
    """Return a small generated table under the task's name, for listings and contract suites."""
    return _sample("jester")


def movielens_sample() -> Ratings:
    """Return the like for MovieLens-100K."""
    return _sample("movielens")


def movielens_residual_sample() -> Ratings:
    """Return the like for its second stage."""
    return _sample("movielens_residual")


def _sample(name: str) -> Ratings:
    small = sample()
    return _task(name, small.cells, small.rank, 0)


def _load(name: str, rank: int, data_seed: int) -> Ratings:
    cells = Cells(*datasets.ratings(_KNOWN[name][0]))
    return _task(name, cells, rank, data_seed)


def _task(name: str, cells: Cells, rank: int, data_seed: int) -> Ratings:
    kinds = {"movielens": BiasedRatings, "movielens_residual": ResidualRatings}
    return kinds.get(name, Ratings)(
        name=name,
        summary=_KNOWN[name][1],
        budget=BUDGETS[name],
        rank=rank,
        data_seed=data_seed,
        cells=cells,
        content=hash_cells(cells),
    )
