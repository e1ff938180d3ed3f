"""Quadratics whose eigenvectors are turned against the coordinates.

Source: the rotated quadratic is the FlowAdam paper's (arXiv 2604.06652), in the fair form: one
data seed fixes the basis, and seeds differ in the start.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.options import require_whole
from trainables.small.rotation import Matrix, normal_square, order_hash, rotation
from trainables.small.surface import SurfaceTask

if TYPE_CHECKING:
    from trainables.setup import Setup
    from trainables.small.surface_problem import QuadraticProblem

STIFF_DIRECTIONS = 2


@dataclass(frozen=True, kw_only=True)
class Quadratic(SurfaceTask):
    """f(theta) = 1/2 sum_i lambda_i z_i^2 with theta = Q z, Q the basis; the minimum is 0.

    The start is drawn as z = scale * N(0, 1) and then turned by Q, so that a seed begins at the
    same z in every basis.

    Args:
        dimension: of theta, at least 2.
    """

    dimension: int

    scale: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("dimension", self.dimension, 2)

    @abstractmethod
    def spectrum(self) -> Matrix:
        """Return the eigenvalues lambda [d], descending."""

    @abstractmethod
    def basis(self) -> Matrix:
        """Return Q [d, d]; its columns are the eigenvectors."""

    def draws(self) -> Matrix:
        """Return the numbers [d, d] that the random rotation of the data seed is made of."""
        return normal_square(self.dimension, derive("data", self.name, self.data_seed))

    def content_hash(self) -> str:
        """Hash of the order of the numbers that the rotation is made of."""
        return order_hash(self.draws())

    def problem(self, setup: Setup) -> QuadraticProblem:
        from trainables.small.surface_problem import QuadraticProblem
        from trainables.starts import double, turned

        basis = self.basis()
        (z,) = double(setup).stacked_normal(self.name, ((self.dimension,), self.scale))
        hessian = (basis * self.spectrum()) @ basis.T
        return QuadraticProblem((hessian + hessian.T) / 2, setup.tensor(turned(z, basis)), setup)

    def mean_loss(self, solved: int) -> float:
        """Return the mean of f over starts whose `solved` stiffest directions are at 0."""
        return float(self.spectrum()[solved:].sum()) * self.scale**2 / 2


@dataclass(frozen=True, kw_only=True)
class RotatedQuadratic(Quadratic):
    """Eigenvalues 2000, 2000, 1, 1, ... in a random basis, from 2 N(0, 1).

    Args:
        stiff: the two large eigenvalues.
    """

    name: str = "rotated_quadratic"
    summary: str = "quadratic in 50 dimensions, two of them stiff, in a random basis"
    budget: int = 1500
    dimension: int = 50
    stiff: float = 2000.0

    scale = 2.0

    def spectrum(self) -> Matrix:
        return np.where(np.arange(self.dimension) < STIFF_DIRECTIONS, self.stiff, 1.0)

    def basis(self) -> Matrix:
        return rotation(self.draws())

    def tiny(self) -> RotatedQuadratic:
        return replace(self, dimension=4, stiff=3.0)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the mean of f over starts, and over starts on the floor of the stiff valley."""
        floor = self.mean_loss(STIFF_DIRECTIONS)
        return {"start": self.mean_loss(0), "stiff directions at zero": floor}


def rotated_quadratic(*, data_seed: int = 0) -> RotatedQuadratic:
    """Return the published quadratic; see ``RotatedQuadratic``."""
    return RotatedQuadratic(data_seed=data_seed)
