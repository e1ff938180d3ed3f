"""The largest eigenvalue of a symmetric operator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from flowadam.probes.base import NoReading

Vector = NDArray[np.float64]
Product = Callable[[Vector], Vector]

BASIS = 10
"""Lanczos vectors held at a time, in float64. Twenty were measured to take more products, not
fewer: the first test for convergence comes when all are filled."""


def largest_eigenvalue(
    product: Product, size: int, *, seed: int, tolerance: float, products: int
) -> float:
    """Return ``max x^T A x / x^T x`` by scipy's ``eigsh``: ARPACK's restarted Lanczos iteration.

    It stops when the residual ``|A x - lambda x|`` falls below ``tolerance * |lambda|``, which then
    bounds the distance to an eigenvalue; mostly it is of the order of the residual's square.

    Args:
        product: x -> A x on float64 [size], A symmetric.
        seed: of the starting vector.
        products: the most products that may be taken.

    Raises:
        NoReading: it has not converged, or a product is not finite.
    """
    operator = _Operator(product, size, products)
    if size == 1:
        return float(operator.matvec(np.ones(1))[0])
    draw = np.random.default_rng(seed)
    try:
        values = eigsh(
            operator,
            k=1,
            which="LA",
            v0=draw.standard_normal(size),
            ncv=min(BASIS, size),
            tol=tolerance,  # pyright: ignore[reportArgumentType]
            maxiter=products,
            return_eigenvectors=False,
            rng=draw,
        )
    except ArpackNoConvergence:
        raise NoReading(_no_convergence(products)) from None
    except ArpackError:
        if operator.vanished:
            return 0.0
        raise
    return float(values[0])


class _Operator(LinearOperator):
    """The operator as scipy takes it; refuses products beyond the allowed number.

    Attributes:
        vanished: every product so far was zero, which ARPACK takes for an error.
    """

    def __init__(self, product: Product, size: int, allowed: int) -> None:
        super().__init__(np.float64, (size, size))
        self._product, self._left, self._allowed = product, allowed, allowed
        self.vanished = True

    def _matvec(self, x: Vector) -> Vector:
        if self._left == 0:
            raise NoReading(_no_convergence(self._allowed))
        self._left -= 1
        image = self._product(x)
        if not np.isfinite(image).all():
            raise NoReading("A Hessian-vector product is not finite.")
        self.vanished = self.vanished and not image.any()
        return image


def _no_convergence(products: int) -> str:
    return f"The eigenvalue has not converged within {products} products."
