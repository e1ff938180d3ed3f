"""Probes of the Hessian of the training loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from flowadam.probes.base import Moment, Reading, finite, one_by_one
from flowadam.probes.eigen import largest_eigenvalue
from flowadam.probes.landscape import Hessian
from flowadam.probes.preconditioner import preconditioner
from flowadam.rodflow.lanczos import Vector


@dataclass(frozen=True)
class Sharpness:
    """Largest eigenvalue lambda of the Hessian H of the training loss on the current batch.

    Gradient descent at rate eta is stable where ``lambda < 2 / eta``; with averaged momentum beta
    where ``lambda < (2 + 2 beta) / ((1 - beta) eta)``.

    Args:
        tolerance: relative residual at which the iteration stops, after some 13 products on the
            digits network and 40 to 60 on factorizations, whose largest eigenvalues lie close
            together. At 1e-3 three to six digits are right.
        products: the most Hessian-vector products; without convergence the value is nan.

    Source: Cohen et al. 2021 (arXiv 2103.00065); eigenvalue by scipy's ``eigsh``.
    """

    tolerance: float = 1e-3
    products: int = 200

    summary = "largest eigenvalue of the Hessian of the training loss"
    usual_evals = 30
    loss_evals = 0

    @property
    def most_evals(self) -> int:
        return 1 + self.products

    def read(self, moment: Moment) -> list[Reading]:
        return one_by_one(moment, lambda r: self._largest(moment, r, None))

    def _largest(self, moment: Moment, r: int, scale: Tensor | None) -> Reading:
        """Read the largest eigenvalue of D H D, with D the diagonal `scale` [d] or 1."""
        hessian = moment.landscape.hessian([r])

        def product(vector: Vector) -> Vector:
            return _scaled_product(hessian, vector, scale)

        value = largest_eigenvalue(
            product,
            hessian.size,
            seed=moment.seeds[r],
            tolerance=self.tolerance,
            products=self.products,
        )
        return finite(value)


@dataclass(frozen=True)
class PreconditionedSharpness(Sharpness):
    """Largest eigenvalue of ``P^-1/2 H P^-1/2`` with P the optimizer's own diagonal.

    ``flowadam.probes.preconditioner`` lists P: ``sqrt(v_hat) + eps`` for the Adam family, 1 for
    SGD. The value is nan before the first step, and for optimizers whose step is not a diagonal
    times their momentum (Lion, Muon, Shampoo, L-BFGS, ...). Adam at rate eta is at the edge of
    stability where it reaches ``(2 + 2 beta1) / ((1 - beta1) eta)``.

    Source: Cohen et al. 2022 (arXiv 2207.14484).
    """

    summary = "the same of P^-1/2 H P^-1/2, P the optimizer's own diagonal; nan where it has none"

    def read(self, moment: Moment) -> list[Reading]:
        return one_by_one(moment, lambda r: self._read(moment, r))

    def _read(self, moment: Moment, r: int) -> Reading:
        diagonal = preconditioner(moment.optimizer, moment.params, r)
        return Reading() if diagonal is None else self._largest(moment, r, diagonal.rsqrt())


@dataclass(frozen=True)
class Trace:
    """Hutchinson's estimate of the Hessian's trace, the mean of ``z^T H z`` over random signs z.

    The error is its standard error over the samples. A diagonal Hessian is read exactly.

    Args:
        samples: number of z, at least 2.

    Source: Hutchinson 1989.
    """

    samples: int = 16

    summary = "trace of the Hessian (Hutchinson, with its standard error)"
    loss_evals = 0

    @property
    def usual_evals(self) -> int:
        return 1 + self.samples

    @property
    def most_evals(self) -> int:
        return self.usual_evals

    def read(self, moment: Moment) -> list[Reading]:
        hessian = moment.landscape.hessian(moment.replicas)
        generators = [moment.generator(r) for r in moment.replicas]
        forms = [_form(hessian, generators) for _ in range(self.samples)]
        samples = dict(zip(moment.replicas, torch.stack(forms, dim=1), strict=True))
        return one_by_one(moment, lambda r: mean_reading(samples[r]))


def mean_reading(samples: Tensor) -> Reading:
    """Return mean and standard error of independent samples [n], n >= 2."""
    error = samples.std(correction=1) / math.sqrt(len(samples))
    return finite(float(samples.mean()), float(error))


def _form(hessian: Hessian, generators: list[torch.Generator]) -> Tensor:
    """Return ``z^T H z`` [n] in float64, one vector of random signs for each replica."""
    signs = [2 * torch.randint(2, (hessian.size,), generator=g) - 1 for g in generators]
    z = torch.stack(signs).to(hessian.like)
    return (z.double() * hessian.product(z).double()).sum(1)


def _scaled_product(hessian: Hessian, vector: Vector, scale: Tensor | None) -> Vector:
    x = torch.from_numpy(vector).to(hessian.like)
    x = x if scale is None else x * scale
    image = hessian.product(x.unsqueeze(0))[0]
    image = image if scale is None else image * scale
    return image.double().cpu().numpy()
