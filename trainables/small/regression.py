"""Regression with inputs and effects of very different sizes.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652); a validation part is drawn besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.small.points import Points, PointsTask

if TYPE_CHECKING:
    from trainables.mlp import MLPProblem
    from trainables.setup import Setup

GAIN = 0.5
NOISE = 0.1
RANGES = (1.0, 10.0, 1.0)
"""The inputs are uniform between minus and plus these."""

WIDTH, LAYERS = 16, 2


@dataclass(frozen=True, kw_only=True)
class IllConditionedRegression(PointsTask):
    """y = 100 sin(pi x1) + .01 x2^2 + 10 x3 + .1 N(0, 1); tanh network 3-16-16-1.

    x1 and x3 are uniform in (-1, 1), x2 in (-10, 10); neither inputs nor answers are scaled. The
    loss is the mean squared error, the metric its root "rmse", which the noise keeps above .1.
    Weights start as .5 N(0, 2 / (inputs + outputs)), biases at 0. Large answers make the hidden
    units grow alike: Adam at rates of .01 to .1 ends on a plateau near 24, where all act as one.

    Args:
        unit: what the answers are divided by, above 0.
    """

    name: str = "ill_conditioned_regression"
    summary: str = "400 points, effects of size 100, 1 and 10, network 3-16-16-1"
    budget: int = 2000
    hidden: int = WIDTH
    train: int = 400
    val: int = 100
    test: int = 100
    unit: float = 1.0

    metric = "rmse"
    layers = LAYERS

    def data(self) -> Mapping[str, Points]:
        return _draw(self)

    def tiny(self) -> IllConditionedRegression:
        return replace(self, hidden=4, train=20, val=10, test=10, unit=100.0)

    def problem(self, setup: Setup) -> MLPProblem:
        from trainables import mlp

        widths = self.widths()
        scales = [GAIN * (2 / (inputs + outputs)) ** 0.5 for inputs, outputs in pairwise(widths)]
        layers = mlp.starting_layers(setup, self.name, widths, scales)
        return mlp.MLPProblem(self.data(), layers, mlp.VALUES, setup)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the RMSE of the training mean and of the least-squares plane."""
        train, part = self.data()["train"], self.data()[split]
        plane = np.linalg.lstsq(_with_one(train.x), train.y, rcond=None)[0]
        predictions = {"constant": train.y.mean(), "linear": _with_one(part.x) @ plane}
        return {k: float(np.sqrt(np.mean((part.y - p) ** 2))) for k, p in predictions.items()}


def ill_conditioned_regression(
    *, hidden: int = WIDTH, data_seed: int = 0
) -> IllConditionedRegression:
    """Return the regression task; see ``IllConditionedRegression`` for the options."""
    return IllConditionedRegression(hidden=hidden, data_seed=data_seed)


def answers(x: NDArray[Any], noise: NDArray[Any]) -> NDArray[Any]:
    """Return y [n] for inputs [n, 3] and N(0, 1) draws [n]."""
    return 100 * np.sin(np.pi * x[:, 0]) + 0.01 * x[:, 1] ** 2 + 10 * x[:, 2] + NOISE * noise


@lru_cache(maxsize=4)
def _draw(task: IllConditionedRegression) -> Mapping[str, Points]:
    rng = np.random.default_rng(derive("data", task.name, task.data_seed))
    parts: dict[str, Points] = {}
    for name, count in task.sizes().items():
        x = rng.uniform(-1, 1, (count, len(RANGES))) * RANGES
        parts[name] = Points(x, answers(x, rng.standard_normal(count)) / task.unit)
    return parts


def _with_one(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([x, np.ones(len(x))])
