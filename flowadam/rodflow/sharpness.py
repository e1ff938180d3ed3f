"""The preconditioned sharpness, whose threshold is the edge of stability."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from flowadam.rodflow.directions import draw_direction
from flowadam.rodflow.gradients import Gradients
from flowadam.rodflow.lanczos import BASIS, NoEigenvalue, Vector, largest_eigenvalue
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import State

NEAR_BASIS = 4
"""Lanczos vectors held at a time when starting near the eigenvector."""

TILT = 0.1


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

    def scaled(v: Vector) -> Vector:
        image = scale * product(scale * torch.from_numpy(v.copy()).to(state.w))
        return (image.double().cpu() + 0.0).numpy()  # the slope of a kink is no tensor but "zero"

    first = draw_direction(state.w)
    if near is not None:  # tilted, lest a direction that became the steepest is never seen
        first = near + TILT * first
    basis = BASIS if near is None else NEAR_BASIS
    value, vector = math.nan, first
    start = first.double().cpu().numpy()
    with suppress(NoEigenvalue):
        value, found = largest_eigenvalue(
            scaled, start, tolerance=tolerance, products=products, basis=basis
        )
        vector = torch.from_numpy(found.copy()).to(first)
    return Sharpness(value, vector, gradients.count.gradients - before)
