"""The probe of the loss around the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flowadam.probes.base import Moment, Reading, one_by_one
from flowadam.probes.curvature import mean_reading


@dataclass(frozen=True)
class PerturbedLoss:
    """Mean rise of the training loss under a relative random perturbation,

        E [L(theta (1 + delta xi))] - L(theta),   xi ~ N(0, 1) for each coordinate.

    For small delta it is ``delta^2 / 2 sum theta_i^2 H_ii``, a sharpness that does not change when
    a coordinate is rescaled. Draws come in pairs xi, -xi, whose mean has no first-order term; the
    error is the standard error over the pairs.

    Args:
        size: delta.
        pairs: number of pairs, at least 2.
    """

    size: float = 0.05
    pairs: int = 8

    summary = "mean rise of the training loss when every weight changes by a random 5 %"
    usual_evals = 0
    most_evals = 0

    @property
    def loss_evals(self) -> int:
        return 1 + 2 * self.pairs

    def read(self, moment: Moment) -> list[Reading]:
        replicas, landscape = moment.replicas, moment.landscape
        generators = [moment.generator(r) for r in replicas]
        weights = landscape.weights(replicas)
        here = landscape.losses(weights, replicas).double()
        rises = []
        for _ in range(self.pairs):
            draws = [self._draw(w, generators) for w in weights]
            pair = [
                landscape.losses(
                    [w + sign * d * w for w, d in zip(weights, draws, strict=True)], replicas
                ).double()
                for sign in (1, -1)
            ]
            rises.append((pair[0] + pair[1]) / 2 - here)
        samples = dict(zip(replicas, torch.stack(rises, dim=1), strict=True))
        return one_by_one(moment, lambda r: mean_reading(samples[r]))

    def _draw(self, like: Tensor, generators: list[torch.Generator]) -> Tensor:
        """Return ``delta xi`` shaped like `like` [n, ...], row i from generator i alone."""
        rows = [torch.randn(like.shape[1:], generator=g, dtype=torch.float64) for g in generators]
        return self.size * torch.stack(rows).to(like)
