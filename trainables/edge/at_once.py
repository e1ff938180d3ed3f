"""Losses at many points in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.problem import Part, ReplicatedProblem


class AtOnce(ReplicatedProblem[Part]):
    """A problem whose loss is the same function in every replica, so that points can be stacked."""

    def losses(self, params: Sequence[Tensor], replicas: Sequence[int]) -> Tensor:
        """Return the losses [n] at `params`; see ``flowadam.task.DifferentiableProblem``."""
        if len(replicas) == 1:
            return super().losses(params, replicas)

        def loss(*weights: Tensor) -> Tensor:
            return self._replica_loss(0, weights)

        return torch.func.vmap(loss)(*params)
