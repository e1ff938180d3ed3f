"""Regression on the answers of a teacher network, full batch.

Source: the setting of Cohen et al. 2021 (arXiv 2103.00065), full-batch training of small smooth
networks under the squared loss, whose sharpness rises to the threshold and stays about it.
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
    from trainables.edge.teacher_problem import TeacherProblem
    from trainables.setup import Setup

WIDTH, LAYERS, INPUTS = 10, 2, 2
STEEPNESS = 2.0
"""Standard deviation of the teacher's weights times the root of a layer's inputs."""


@dataclass(frozen=True, kw_only=True)
class EdgeMLP(PointsTask):
    """Answers of a random tanh network 2-10-10-1 to N(0, 1) inputs; the student is as large.

    Answers have mean 0 and standard deviation 1 over the training points. The loss is the mean
    squared error over all of them, the metric its root "rmse".
    """

    name: str = "edge_mlp"
    summary: str = "100 answers of a teacher network, network 2-10-10-1, full batch"
    budget: int = 400
    hidden: int = WIDTH
    train: int = 100
    val: int = 50
    test: int = 50

    metric = "rmse"
    layers = LAYERS

    def data(self) -> Mapping[str, Points]:
        return _draw(self)

    def tiny(self) -> EdgeMLP:
        return replace(self, hidden=3, train=20, val=10, test=10)

    def problem(self, setup: Setup) -> TeacherProblem:
        from trainables import mlp
        from trainables.edge.teacher_problem import TeacherProblem

        layers = mlp.starting_layers(setup, self.name, self.widths())
        return TeacherProblem(self.data(), layers, mlp.VALUES, setup)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the RMSE of the training mean, which is 0."""
        return {"constant": float(np.sqrt(np.mean(self.data()[split].y ** 2)))}


def edge_mlp(*, hidden: int = WIDTH, data_seed: int = 0) -> EdgeMLP:
    """Return the regression on a teacher; see ``EdgeMLP`` for the options."""
    return EdgeMLP(hidden=hidden, data_seed=data_seed)


def taught(rng: np.random.Generator, x: NDArray[Any]) -> NDArray[Any]:
    """Return the answers [n] of a random teacher to inputs [n, 2]."""
    widths = [INPUTS, *[WIDTH] * LAYERS, 1]
    layers = [rng.standard_normal(pair) * STEEPNESS / pair[0] ** 0.5 for pair in pairwise(widths)]
    for layer in layers[:-1]:
        x = np.tanh(x @ layer)
    return (x @ layers[-1])[:, 0]


@lru_cache(maxsize=4)
def _draw(task: EdgeMLP) -> Mapping[str, Points]:
    rng = np.random.default_rng(derive("data", task.name, task.data_seed))
    counts = task.sizes()
    x = rng.standard_normal((sum(counts.values()), INPUTS))
    y = taught(rng, x)
    known = y[: counts["train"]]
    y, ends = (y - known.mean()) / known.std(), np.cumsum(list(counts.values()))[:-1]
    parts = zip(np.split(x, ends), np.split(y, ends), strict=True)
    return {name: Points(*part) for name, part in zip(counts, parts, strict=True)}
