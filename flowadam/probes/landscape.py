"""The training loss around the present parameters, and what looking at it cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.errors import FlowAdamError
from flowadam.task import DifferentiableProblem, Problem


class ProbeTimeOver(FlowAdamError):
    """The probes of a group have used up their time."""


class Landscape:
    """The loss of some replicas around the present parameters, and its Hessian.

    Everything is computed on copies, so the problem's tensors and their gradients are never
    touched. The loss is the one that is trained, penalty included, on the batch of the current
    step.

    Args:
        problem: R stacked replicas, with ``losses`` for everything but ``weights``.
        deadline: on the clock of ``time.monotonic``, or None.
        limit: what the deadline is said to be, in seconds.

    Attributes:
        evals: gradients and Hessian-vector products so far, by replica.
        loss_evals: losses without gradient so far, by replica.
    """

    def __init__(
        self, problem: Problem, *, deadline: float | None = None, limit: float | None = None
    ) -> None:
        self._problem, self._deadline, self._limit = problem, deadline, limit
        self.evals: Counter[int] = Counter()
        self.loss_evals: Counter[int] = Counter()

    def weights(self, replicas: Sequence[int]) -> list[Tensor]:
        """Return copies [n, ...] of the parameters of n replicas."""
        return [p.detach()[list(replicas)].clone() for p in self._problem.params]

    @torch.no_grad()
    def losses(self, params: Sequence[Tensor], replicas: Sequence[int]) -> Tensor:
        """Return the losses [n] at `params`, tensors [n, ...]."""
        problem = self._differentiable()
        self._charge(self.loss_evals, replicas)
        return problem.losses(params, replicas).detach()

    def hessian(self, replicas: Sequence[int]) -> Hessian:
        """Return the Hessians of n replicas at the present parameters; costs one gradient each."""
        problem = self._differentiable()
        self._charge(self.evals, replicas)
        return Hessian(self, problem, replicas)

    def charge_product(self, replicas: Sequence[int]) -> None:
        """Count one Hessian-vector product.

        Raises:
            ProbeTimeOver: the deadline has passed.
        """
        self._charge(self.evals, replicas)

    def _charge(self, account: Counter[int], replicas: Sequence[int]) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise ProbeTimeOver(f"The probes' own time limit of {self._limit} s has passed.")
        account.update(replicas)

    def _differentiable(self) -> DifferentiableProblem:
        if not isinstance(self._problem, DifferentiableProblem):
            raise FlowAdamError(
                f"This probe needs a problem with `losses`, and {type(self._problem).__name__} "
                "has none."
            )
        return self._problem


class Hessian:
    """The Hessians of n replicas at one point, as products with vectors.

    The replicas share no parameter, so the Hessian of the sum of their losses is block-diagonal,
    and one product serves all of them. The graph of the gradients lives as long as this object.

    Attributes:
        size: d, the coordinates of a replica.
        like: an empty tensor of the dtype and device that products have.
    """

    def __init__(
        self, landscape: Landscape, problem: DifferentiableProblem, replicas: Sequence[int]
    ) -> None:
        self._landscape, self._replicas = landscape, replicas
        with torch.enable_grad():
            self._params = [p.requires_grad_() for p in landscape.weights(replicas)]
            total = problem.losses(self._params, replicas).sum()
            gradients = torch.autograd.grad(
                total, self._params, create_graph=True, materialize_grads=True
            )
            self._gradient = flat(gradients)
        self.size = self._gradient.shape[1]
        self.like = self._gradient.new_empty(0, requires_grad=False)

    def product(self, vectors: Tensor) -> Tensor:
        """Return H v for one vector a replica, [n, d] -> [n, d]; costs one evaluation each."""
        self._landscape.charge_product(self._replicas)
        if not self._gradient.requires_grad:
            return torch.zeros_like(vectors)
        rows = torch.autograd.grad(
            self._gradient, self._params, vectors, retain_graph=True, materialize_grads=True
        )
        return flat(rows)


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors [n, ...] as one matrix [n, d], coordinates in the order of the tensors."""
    return torch.cat([t.flatten(1) for t in tensors], dim=1)
