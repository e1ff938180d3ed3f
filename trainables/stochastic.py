"""Problems with batches or noise that change from step to step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.problem import Part, ReplicatedProblem
from trainables.setup import Setup


class StochasticProblem(ReplicatedProblem[Part]):
    """R replicas whose loss depends on the step: on a batch, or on noise.

    Both are functions of (task, seed of the replica, step) alone, so that an extra evaluation
    within a step sees the same loss, and a run can be continued from any step.

    Args:
        params, parts: see `ReplicatedProblem`.
        name: the task's name, an axis of every seed.
    """

    def __init__(
        self, params: list[Tensor], parts: Mapping[Split, Part], *, name: str, setup: Setup
    ) -> None:
        super().__init__(params, parts)
        self._name, self._seeds = name, setup.seeds
        self._step = 0
        self._orders: dict[int, tuple[int, Tensor]] = {}

    def begin_step(self, k: int) -> None:
        """Fix batch and noise of optimizer step k, from 0."""
        self._step = k

    def noise(self, r: int, what: str) -> torch.Generator:
        """Return the generator on the CPU of replica r for `what` in this step."""
        seed = derive("noise", self._name, self._seeds[r], what, self._step)
        return torch.Generator().manual_seed(seed)

    def batch(self, r: int, count: int, size: int) -> Tensor:
        """Return the indices int64 [size] of this step's batch, out of `count` examples.

        Every epoch is a new order of all examples; what is left over at its end is passed over.
        """
        per_epoch = max(count // size, 1)
        epoch, place = divmod(self._step, per_epoch)
        if self._orders.get(r, (-1, None))[0] != epoch:
            seed = derive("order", self._name, self._seeds[r], epoch)
            order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
            self._orders[r] = epoch, order
        return self._orders[r][1][place * size : (place + 1) * size]
