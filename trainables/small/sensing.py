"""Matrix sensing: a low-rank matrix from fewer random measurements than it has entries.

Source: the benchmark of arXiv 2608.05136, in the fair form: one data seed fixes matrix and
measurements, and validation has measurements of its own.
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
from trainables.options import require_whole
from trainables.small.rotation import Matrix, order_hash

if TYPE_CHECKING:
    from trainables.setup import Setup
    from trainables.small.sensing_problem import SensingProblem

INIT_SCALE = 1e-3


@dataclass(frozen=True, eq=False)
class Measurements:
    """y_i = <A_i, X*>: `operators` A [n, size * size], one matrix a row, and `values` y [n]."""

    operators: Matrix
    values: Matrix


@dataclass(frozen=True, eq=False)
class Sensed:
    """The matrix X* [size, size], and measurements of it for training and for validation."""

    truth: Matrix
    train: Measurements
    val: Measurements


@dataclass(frozen=True, kw_only=True)
class MatrixSensing(BenchmarkTask):
    """Fit X = U V^T, full-width factors, to y_i = <A_i, X*> with N(0, 1) matrices A_i.

    X* is the product of two factors of N(0, 1) / sqrt(true_rank) entries. The loss is the mean
    squared residual; the factors start at 1e-3 N(0, 1). Many matrices fit; which one is found is
    the optimizer's choice, and small starts favor low rank.

    The metric is "recovery". On test it is |X - X*| / |X*| in Frobenius norms. Validation must not
    see X*, so there it is the root of sum <A_i, X - X*>^2 / sum y_i^2 over measurements that
    training does not have: their residuals have mean square |X - X*|^2, so it estimates the same
    number, with a relative standard error of about 1 / sqrt(held_out), part of it common to all
    runs. "effective_rank", exp of the entropy of the singular values of X divided by their sum, is
    reported beside it.

    Args:
        size: rows and columns of X*, at least 2.
        true_rank: rank of X*, at least 1.
        measurements: in training, at least 1; published are 2 r (2 size - r).
        held_out: measurements in validation, at least 1, beyond the published ones.
    """

    name: str = "matrix_sensing"
    summary: str = "40 x 40 matrix of rank 3 from 462 random measurements"
    budget: int = 2000
    size: int = 40
    true_rank: int = 3
    measurements: int = 462
    held_out: int = 100

    metric = "recovery"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("size", 2), ("true_rank", 1), ("measurements", 1), ("held_out", 1)):
            require_whole(name, getattr(self, name), low)

    def data(self) -> Sensed:
        """Return the matrix and its measurements."""
        return _draw(self)

    def content_hash(self) -> str:
        """Hash of the order of the numbers drawn; see ``order_hash``."""
        return order_hash(*_numbers(self))

    def tiny(self) -> MatrixSensing:
        return replace(self, size=6, true_rank=1, measurements=18, held_out=6)

    def problem(self, setup: Setup) -> SensingProblem:
        from trainables.small.sensing_problem import SensingProblem

        shape = (self.size, self.size)
        factors = setup.stacked_normal(self.name, *[(shape, INIT_SCALE)] * 2)
        return SensingProblem(self.data(), factors, setup)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the metric of the zero matrix and of the average of the y_i A_i, scaled best.

        sum y_i A_i / m is X* on average; it is scaled to fit the training measurements best.
        """
        data = self.data()
        average = data.train.values @ data.train.operators
        fitted = data.train.operators @ average
        average *= (fitted @ data.train.values) / (fitted @ fitted)
        return {"zero matrix": 1.0, "back-projection": _recovery(data, split, average)}


def matrix_sensing(*, data_seed: int = 0) -> MatrixSensing:
    """Return the published size; see ``MatrixSensing``."""
    return MatrixSensing(data_seed=data_seed)


@lru_cache(maxsize=2)
def _draw(task: MatrixSensing) -> Sensed:
    left, right, operators = _numbers(task)
    truth = left @ right.T / task.true_rank
    values = operators @ truth.reshape(-1)
    parts = slice(None, task.measurements), slice(task.measurements, None)
    train, val = (Measurements(operators[part], values[part]) for part in parts)
    return Sensed(truth, train, val)


def _numbers(task: MatrixSensing) -> tuple[Matrix, Matrix, Matrix]:
    rng = np.random.default_rng(derive("data", task.name, task.data_seed))
    factors = [rng.standard_normal((task.size, task.true_rank)) for _ in range(2)]
    count = task.measurements + task.held_out
    return factors[0], factors[1], rng.standard_normal((count, task.size**2))


def _recovery(data: Sensed, split: Split, x: Matrix) -> float:
    """Return the metric of the matrix x, flattened."""
    if split == "test":
        goal, found = data.truth.reshape(-1), x
    else:
        goal, found = data.val.values, data.val.operators @ x
    return float(np.linalg.norm(found - goal) / np.linalg.norm(goal))
