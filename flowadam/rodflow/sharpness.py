"""The preconditioned sharpness, whose threshold is the edge of stability."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from flowadam.rodflow.directions import draw_direction
from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import State

BASIS, NEAR_BASIS = 10, 4
"""Lanczos vectors held at a time, from anywhere and from near the eigenvector. The first test for
convergence comes when all are filled: after 10 products, and 4."""

TILT = 0.1

Vector = NDArray[np.float64]
Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Sharpness:
    """A reading of S.

    Args:
        value: nan where it is not finite or did not converge.
        vector: unit eigenvector [d] of P^-1/2 H P^-1/2, the start of the next reading.
        evaluations: gradients and Hessian-vector products taken.
    """

    value: float
    vector: Tensor | None
    evaluations: int


def preconditioned_sharpness(
    method: Method,
    gradients: Gradients,
    state: State,
    *,
    near: Tensor | None = None,
    tolerance: float = 1e-3,
    products: int = 200,
) -> Sharpness:
    """Return S, the largest eigenvalue of P^-1/2 H(w) P^-1/2, P = sqrt(nu) + eps or 1.

    By scipy's ``eigsh`` (ARPACK's restarted Lanczos iteration) on Hessian-vector products.

    Args:
        state: where; usually the mean of two iterates, nu too.
        near: unit vector [d] to start near, such as the last reading's; default a fixed draw.
        tolerance: relative residual at which the iteration stops; the value's own relative error
            is of the order of its square.
        products: the most Hessian-vector products.
    """
    before = gradients.count.gradients
    scale = method.preconditioner(state.nu).rsqrt()
    product = gradients.hessian(state.w)

    def scaled(v: Tensor) -> Tensor:
        return scale * product(scale * v)

    first = draw_direction(state.w)
    if near is not None:  # tilted, lest a direction that became the steepest is never seen
        first = near + TILT * first
    basis = BASIS if near is None else NEAR_BASIS
    value, vector = _largest(_Operator(scaled, first, products), first, basis, tolerance)
    return Sharpness(value, vector, gradients.count.gradients - before)


def _largest(
    operator: _Operator, first: Tensor, basis: int, tolerance: float
) -> tuple[float, Tensor]:
    """Return the largest eigenvalue and its vector, or nan and `first`."""
    try:
        if len(first) == 1:
            return float(operator.matvec(np.ones(1))[0]), torch.ones_like(first)
        values, vectors = eigsh(
            operator,
            k=1,
            which="LA",
            v0=first.double().cpu().numpy(),
            ncv=min(basis, len(first)),
            tol=tolerance,  # pyright: ignore[reportArgumentType]
            maxiter=operator.allowed,
            rng=np.random.default_rng(0),
        )
    except (_Stop, ArpackNoConvergence):
        return math.nan, first
    except ArpackError:
        if operator.vanished:  # the zero operator, which ARPACK takes for an error
            return 0.0, first
        return math.nan, first
    return float(values[0]), torch.from_numpy(vectors[:, 0]).to(first)


class _Stop(Exception):
    """A product is not finite, or too many were asked for."""


class _Operator(LinearOperator):
    """The operator as scipy takes it.

    Attributes:
        vanished: every product so far was zero.
    """

    def __init__(self, product: Product, like: Tensor, allowed: int) -> None:
        super().__init__(np.float64, (len(like), len(like)))
        self._product, self._like = product, like
        self.allowed = self._left = allowed
        self.vanished = True

    def _matvec(self, x: Vector) -> Vector:
        if self._left == 0:
            raise _Stop
        self._left -= 1
        image = self._product(torch.from_numpy(x.reshape(-1).copy()).to(self._like))
        if not bool(torch.isfinite(image).all()):
            raise _Stop
        self.vanished = self.vanished and not bool(image.any())
        return image.double().cpu().numpy()
