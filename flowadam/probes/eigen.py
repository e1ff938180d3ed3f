"""The largest eigenvalue of a symmetric operator, as a reading."""

from __future__ import annotations

import numpy as np

from flowadam.probes.base import NoReading
from flowadam.rodflow.lanczos import NoEigenvalue, Product
from flowadam.rodflow.lanczos import largest_eigenvalue as by_lanczos


def largest_eigenvalue(
    product: Product, size: int, *, seed: int, tolerance: float, products: int
) -> float:
    """Return ``max x^T A x / x^T x`` from a random start.

    Args:
        product: x -> A x on float64 [size], A symmetric.
        seed: of the starting vector.
        tolerance, products: see ``flowadam.rodflow.lanczos``.

    Raises:
        NoReading: it has not converged, or a product is not finite.
    """
    first = np.random.default_rng(seed).standard_normal(size)
    try:
        return by_lanczos(product, first, tolerance=tolerance, products=products)[0]
    except NoEigenvalue as error:
        raise NoReading(str(error)) from None
