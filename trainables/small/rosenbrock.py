"""Rosenbrock's valley.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652), whose one fixed start is here
displaced by the seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowadam.space import digest
from flowadam.task import Split
from trainables.small.surface import SurfaceTask

if TYPE_CHECKING:
    from trainables.setup import Setup
    from trainables.small.surface_problem import RosenbrockProblem


@dataclass(frozen=True, kw_only=True)
class Rosenbrock(SurfaceTask):
    """f(x, y) = (1 - x)^2 + 100 (y - x^2)^2 from (-1.5, 1.5) + 0.05 N(0, 1); the minimum is 0.

    Nothing is drawn besides the start, so the data seed changes no number.

    Args:
        start: (x, y) before the displacement.
        spread: standard deviation of the displacement in each coordinate.
    """

    name: str = "rosenbrock"
    summary: str = "Rosenbrock's valley in two dimensions"
    budget: int = 2000
    start: tuple[float, float] = (-1.5, 1.5)
    spread: float = 0.05

    def content_hash(self) -> str:
        """Hash of nothing: there are no data."""
        return digest(None)

    def tiny(self) -> Rosenbrock:
        """Return the same function from the neighborhood of its minimum, where it is gentle."""
        return replace(self, start=(0.9, 0.81), spread=0.001)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return f at the undisplaced start, below it on the valley's floor, and at the origin."""
        x, y = self.start
        return {
            "start": value(x, y),
            "floor below the start": value(x, x * x),
            "origin": value(0, 0),
        }

    def problem(self, setup: Setup) -> RosenbrockProblem:
        from trainables.small.surface_problem import RosenbrockProblem
        from trainables.starts import double

        exact = double(setup)
        (displacement,) = exact.stacked_normal(self.name, ((2,), self.spread))
        return RosenbrockProblem(setup.tensor(displacement + exact.tensor(self.start)), setup)


def rosenbrock(*, data_seed: int = 0) -> Rosenbrock:
    """Return Rosenbrock's valley; see ``Rosenbrock``."""
    return Rosenbrock(data_seed=data_seed)


def value(x: float, y: float) -> float:
    """Return Rosenbrock's function."""
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2
