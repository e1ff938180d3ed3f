"""Two interlocked spirals.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652), which has training points only; here
validation and test points are drawn besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import log, radians
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.small.points import Points, PointsTask

if TYPE_CHECKING:
    from trainables.mlp import MLPProblem
    from trainables.setup import Setup

ANGLE = radians(1200)
"""Where both arms end."""

JITTER = 0.1
WIDTH, LAYERS = 24, 3


@dataclass(frozen=True, kw_only=True)
class TwoSpirals(PointsTask):
    """Tell the arms of two spirals apart; tanh network 2-24-24-24-1.

    A point at the angle a = 1200 degrees * sqrt(U(0, 1)) lies at (-a cos a, a sin a) + U(0, .1) on
    the first arm; the second arm is the first one mirrored at the origin. Inputs are centered and
    scaled by the training points. The metric is the mean log loss "bce"; "error", the share of
    wrong answers, is reported beside it.

    Args:
        train, val, test: points per arm.
    """

    name: str = "two_spirals"
    summary: str = "2,000 points on two interlocked spirals, network 2-24-24-24-1"
    budget: int = 2000
    hidden: int = WIDTH
    train: int = 1000
    val: int = 200
    test: int = 500

    metric = "bce"
    layers = LAYERS

    def data(self) -> Mapping[str, Points]:
        return _draw(self)

    def tiny(self) -> TwoSpirals:
        return replace(self, hidden=4, train=20, val=10, test=10)

    def problem(self, setup: Setup) -> MLPProblem:
        from trainables import mlp

        layers = mlp.starting_layers(setup, self.name, self.widths())
        return mlp.MLPProblem(self.data(), layers, mlp.BINARY, setup)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the log loss of equal probabilities, which no constant can beat."""
        return {"uniform": log(2)}


def two_spirals(*, hidden: int = WIDTH, data_seed: int = 0) -> TwoSpirals:
    """Return the spirals; see ``TwoSpirals`` for the options."""
    return TwoSpirals(hidden=hidden, data_seed=data_seed)


def arms(uniform: Callable[[int], NDArray[Any]], count: int) -> Points:
    """Return `count` points of either arm, first all of arm 0, neither centered nor scaled.

    Args:
        uniform: returns that many fresh U(0, 1) numbers; called three times.
    """
    angle = np.sqrt(uniform(count)) * ANGLE
    first = -np.cos(angle) * angle + JITTER * uniform(count)
    second = np.sin(angle) * angle + JITTER * uniform(count)
    arm = np.stack([first, second], axis=1)
    return Points(np.concatenate([arm, -arm]), np.repeat([0.0, 1.0], count))


def standardized(part: Points, reference: Points) -> Points:
    """Return `part` in units of the standard deviation of `reference` around its mean."""
    return Points((part.x - reference.x.mean(0)) / reference.x.std(0), part.y)


@lru_cache(maxsize=4)
def _draw(task: TwoSpirals) -> Mapping[str, Points]:
    rng = np.random.default_rng(derive("data", task.name, task.data_seed))
    parts = {name: arms(rng.random, count) for name, count in task.sizes().items()}
    return {name: standardized(part, parts["train"]) for name, part in parts.items()}
