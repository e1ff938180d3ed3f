"""A dial that couples the coordinates of a problem and changes nothing else.

The basis is turned by Q(c) = exp(c log Q), from the identity at c = 0 to a random rotation Q at
c = 1, and the start is turned along: theta(c) = Q(c) theta(0). Losses and gradient norms at
corresponding points are equal, so every optimizer that does not see the coordinates, gradient
descent for one, has the same losses for every c. What changes with c is the loss of seeing them,
as Adam does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from flowadam.errors import InputError
from flowadam.seeds import derive
from flowadam.space import digest
from flowadam.task import Split
from trainables.images.digits import CLASSES, DigitsMLP
from trainables.small.points import Points
from trainables.small.quadratics import Quadratic
from trainables.small.rotation import Matrix, geodesic, normal_square, order_hash, rotation

if TYPE_CHECKING:
    from trainables.mlp import MLPProblem
    from trainables.setup import Setup


@dataclass(frozen=True, kw_only=True)
class CouplingQuadratic(Quadratic):
    """Eigenvalues 1 ... 1/condition, evenly spaced in their logarithm, in the basis Q(c).

    At c = 0 the axes are the eigenvectors, and Adam gives each of them a rate of its own.

    Args:
        coupling: c, between 0 and 1.
        condition: ratio of the extreme eigenvalues, from 1 to 1e12.
    """

    name: str = "coupling_quadratic"
    summary: str = "quadratic of fixed spectrum; `coupling` turns its basis"
    budget: int = 1000
    dimension: int = 50
    coupling: float = 1.0
    condition: float = 1000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _number("coupling", self.coupling, 0, 1)
        _number("condition", self.condition, 1, 1e12)

    def spectrum(self) -> Matrix:
        return self.condition ** -np.linspace(0, 1, self.dimension)

    def basis(self) -> Matrix:
        return geodesic(rotation(self.draws()), self.coupling)

    def tiny(self) -> CouplingQuadratic:
        return replace(self, dimension=4)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the mean of f over starts, and over starts whose stiffer half is at 0."""
        half = self.mean_loss(self.dimension // 2)
        return {"start": self.mean_loss(0), "stiffer half at zero": half}


@dataclass(frozen=True, kw_only=True)
class CouplingDigits(DigitsMLP):
    """``DigitsMLP`` on the images Q(c) x, with the first layer starting at Q(c) W1.

    At c = 0 an input is a pixel, many of which are always empty; at c = 1 it is a mixture of all.
    Images and split are those of ``digits_mlp`` with the same data seed.

    Args:
        coupling: c, between 0 and 1.
    """

    name: str = "coupling_digits"
    summary: str = "handwritten digits; `coupling` mixes the pixels by a rotation"
    coupling: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _number("coupling", self.coupling, 0, 1)

    def basis(self) -> Matrix:
        """Return Q(c) [pixels, pixels]."""
        return geodesic(rotation(self._draws()), self.coupling)

    def content_hash(self) -> str:
        """Hash of the unturned images and of what the rotation is made of."""
        return digest({"images": super().content_hash(), "rotation": order_hash(self._draws())})

    def problem(self, setup: Setup) -> MLPProblem:
        from trainables import mlp
        from trainables.starts import double, turned

        basis = self.basis()
        data = {name: Points(part.x @ basis.T, part.y) for name, part in self.data().items()}
        widths = (len(basis), self.hidden, CLASSES)
        w1, *rest = mlp.starting_layers(double(setup), self.name, widths)
        layers = [setup.tensor(layer) for layer in (turned(w1, basis), *rest)]
        return mlp.MLPProblem(data, layers, mlp.CLASSES, setup)

    def _draws(self) -> Matrix:
        pixels = self.data()["train"].x.shape[1]
        return normal_square(pixels, derive("data", self.name, self.data_seed))


def coupling_quadratic(
    *, coupling: float = 1.0, condition: float = 1000.0, data_seed: int = 0
) -> CouplingQuadratic:
    """Return the turned quadratic; see ``CouplingQuadratic`` for the options."""
    return CouplingQuadratic(
        coupling=_number("coupling", coupling, 0, 1),
        condition=_number("condition", condition, 1, 1e12),
        data_seed=data_seed,
    )


def coupling_digits(
    *, coupling: float = 1.0, hidden: int = 32, data_seed: int = 0
) -> CouplingDigits:
    """Return the digits in turned pixels; see ``CouplingDigits`` for the options."""
    dial = _number("coupling", coupling, 0, 1)
    return CouplingDigits(coupling=dial, hidden=hidden, data_seed=data_seed)


def _number(name: str, value: object, low: float, high: float) -> float:
    """Return `value` as a float, so that 1 and 1.0 have one fingerprint.

    Raises:
        InputError: it is no number from `low` to `high`.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"`{name}` must be a number from {low:g} to {high:g}, got {value!r}.")
    return float(value)
