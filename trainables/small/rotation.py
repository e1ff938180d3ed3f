"""Rotations, and the shortest way from the identity to one of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainables.cells import hash_arrays

Matrix = NDArray[np.float64]


def normal_square(dimension: int, seed: int) -> Matrix:
    """Return N(0, 1) entries [d, d] that `seed` stands for."""
    return np.random.default_rng(seed).standard_normal((dimension, dimension))


def rotation(draws: Matrix) -> Matrix:
    """Return the rotation Q that square `draws` of N(0, 1) entries stand for.

    Q is the factor of ``draws = Q R`` with a positive diagonal of R, so that it has the uniform
    (Haar) distribution over the orthogonal matrices; where its determinant is -1, the last column
    changes its sign.
    """
    basis, triangle = np.linalg.qr(draws)
    basis = basis * np.sign(np.diag(triangle))
    basis[:, -1] *= np.linalg.det(basis)  # +-1 up to rounding
    return basis


def geodesic(goal: Matrix, share: float) -> Matrix:
    """Return Q(c) = exp(c log Q): the identity at c = 0, the rotation Q = `goal` at c = 1.

    log Q is the skew-symmetric logarithm with angles in (-pi, pi), from the Schur form of Q.

    Args:
        goal: rotation [d, d].
        share: c, between 0 and 1.
    """
    from scipy.linalg import expm, schur

    triangle, basis = schur(goal, output="complex")[:2]  # diagonal, since Q is normal
    angles = np.angle(np.diag(triangle))
    generator = ((basis * (1j * angles)) @ basis.conj().T).real
    return np.asarray(expm(share * (generator - generator.T) / 2), dtype=np.float64)


def order_hash(*arrays: NDArray[np.generic]) -> str:
    """Return 16 hex digits that fix the order of the entries of each array by size.

    Unlike the entries themselves, their order does not depend on how a processor rounds.
    """
    return hash_arrays(*(np.argsort(a, axis=None, kind="stable").astype(np.int64) for a in arrays))
