"""The largest eigenvalue of a symmetric operator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

Vector = NDArray[np.float64]
Product = Callable[[Vector], Vector]

BASIS = 10
"""Lanczos vectors held at a time. Twenty were measured to take more products, not fewer: the first
test for convergence comes when all are filled."""


class NoEigenvalue(ArithmeticError):
    """There is no largest eigenvalue, or none was found."""


def largest_eigenvalue(
    product: Product, first: Vector, *, tolerance: float, products: int, basis: int = BASIS
) -> tuple[float, Vector]:
    """Return ``max x^T A x / x^T x`` and its unit vector by scipy's ``eigsh`` (ARPACK's Lanczos).

    It stops when the residual ``|A x - lambda x|`` falls below ``tolerance * |lambda|``, which then
    bounds the distance to an eigenvalue; mostly it is of the order of the residual's square.

    Args:
        product: x -> A x on float64 [d], A symmetric.
        first: where the iteration starts [d].
        products: the most products that may be taken.
        basis: Lanczos vectors held at a time.

    Raises:
        NoEigenvalue: it has not converged, ARPACK gave up, or a product is not finite.
    """
    operator = _Operator(product, len(first), products)
    if len(first) == 1:
        return float(operator.matvec(np.ones(1))[0]), np.ones(1)
    try:
        values, vectors = eigsh(
            operator,
            k=1,
            which="LA",
            v0=first,
            ncv=min(basis, len(first)),
            tol=tolerance,  # pyright: ignore[reportArgumentType]
            maxiter=products,
            rng=np.random.default_rng(0),
        )
    except ArpackNoConvergence:
        raise operator.not_converged() from None
    except ArpackError as error:
        if operator.vanished:
            return 0.0, first
        raise NoEigenvalue(f"ARPACK gave up: {error}") from None
    return float(values[0]), vectors[:, 0]


class _Operator(LinearOperator):
    """The operator as scipy takes it; refuses products beyond the allowed number.

    Attributes:
        vanished: every product so far was zero, which ARPACK takes for an error.
    """

    def __init__(self, product: Product, size: int, allowed: int) -> None:
        super().__init__(np.float64, (size, size))
        self._product, self._left, self._allowed = product, allowed, allowed
        self.vanished = True

    def not_converged(self) -> NoEigenvalue:
        """Return the error to raise."""
        return NoEigenvalue(f"The eigenvalue has not converged within {self._allowed} products.")

    def _matvec(self, x: Vector) -> Vector:
        if self._left == 0:
            raise self.not_converged()
        self._left -= 1
        image = self._product(x.reshape(-1))
        if not np.isfinite(image).all():
            raise NoEigenvalue("A Hessian-vector product is not finite.")
        self.vanished = self.vanished and not image.any()
        return image
