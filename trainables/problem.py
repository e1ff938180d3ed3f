"""What problems share: replicas, gradients in place, the lock on the test part."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from flowadam.errors import require_known
from flowadam.task import SPLITS, Split, TestSplitLocked

Part = TypeVar("Part")


class ReplicatedProblem(ABC, Generic[Part]):
    """R replicas, each with a loss of its own.

    ``closure`` writes into one set of buffers and points ``p.grad`` at them: the next call
    overwrites them in place, so an optimizer that needs an older gradient keeps a copy. Setting
    ``p.grad`` to None in between is allowed. Replicas are evaluated one after the other, so no
    operation mixes them, and inactive ones cost nothing.

    Args:
        params: tensors [R, ...], made leaves that require gradients.
        parts: what ``evaluate`` may read, by split.
    """

    def __init__(self, params: list[Tensor], parts: Mapping[Split, Part]) -> None:
        self.params = [p.requires_grad_() for p in params]
        self._parts = dict(parts)
        self._buffers = [torch.zeros_like(p, requires_grad=False) for p in params]
        self._slots = list(zip(*(b.unbind(0) for b in self._buffers), strict=True))
        self._views: list[tuple[Tensor, ...]] = []
        self._addresses: list[int] = []
        self._unknown = self._buffers[0].new_tensor(math.nan)

    def closure(self, active: Tensor | None = None) -> Tensor:
        """Fill ``p.grad`` for the active replicas; return losses [R], nan where inactive.

        Raises:
            ValueError: `active` is not one truth value per replica.
        """
        replicas = self._replicas()
        wanted = [True] * len(replicas) if active is None else active.tolist()
        if len(wanted) != len(replicas):
            raise ValueError(
                f"`active` must hold one value per replica, {len(replicas)}, got {len(wanted)}."
            )
        losses = [self._unknown] * len(replicas)
        for r, chosen in enumerate(wanted):
            if chosen:
                losses[r] = self._replica_gradient(r, replicas[r], self._slots[r])
        for p, buffer in zip(self.params, self._buffers, strict=True):
            p.grad = buffer
        return torch.stack(losses)

    def losses(self, params: Sequence[Tensor], replicas: Sequence[int]) -> Tensor:
        """Return the losses [n] at `params`; see ``flowadam.task.DifferentiableProblem``."""
        columns = enumerate(replicas)
        return torch.stack([self._replica_loss(r, tuple(p[i] for p in params)) for i, r in columns])

    def begin_step(self, k: int) -> None:
        """Fix batch and noise of optimizer step k; nothing where the loss has neither."""

    def evaluate(self, split: Split) -> dict[str, Tensor]:
        """Return each metric as a tensor [R].

        Raises:
            TestSplitLocked: `split` is "test" and the problem was made without `test_unlocked`.
            InputError: `split` is neither "val" nor "test".
        """
        require_known("split", split, SPLITS)
        if split not in self._parts:
            raise TestSplitLocked("The test part can be read in the confirm phase only.")
        with torch.no_grad():
            scores = [self._score(weights, self._parts[split]) for weights in self._replicas()]
        return {name: torch.stack([score[name] for score in scores]) for name in scores[0]}

    def _replicas(self) -> list[tuple[Tensor, ...]]:
        """Return the weights of each replica as views without gradient.

        They are taken anew when an optimizer exchanged ``p.data``. The old views keep the old
        memory alive, so an address that is unchanged means memory that is unchanged.
        """
        addresses = [p.data_ptr() for p in self.params]
        if addresses != self._addresses:
            self._addresses = addresses
            self._views = list(zip(*(p.detach().unbind(0) for p in self.params), strict=True))
        return self._views

    def _replica_gradient(
        self, r: int, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]
    ) -> Tensor:
        """Write the gradient of replica r into `slots`; return its loss, a fresh 0-d tensor.

        By autograd; a closed form that is faster takes its place.
        """
        with torch.enable_grad():
            leaves = [w.detach().requires_grad_() for w in weights]
            loss = self._replica_loss(r, tuple(leaves))
            for slot, gradient in zip(slots, torch.autograd.grad(loss, leaves), strict=True):
                slot.copy_(gradient)
        return loss.detach()

    @abstractmethod
    def _replica_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of replica r in the present step, 0-d, for autograd."""

    @abstractmethod
    def _score(self, weights: tuple[Tensor, ...], part: Part) -> dict[str, Tensor]:
        """Return the metrics of one replica, 0-d tensors."""


class FullBatchProblem(ReplicatedProblem[Part]):
    """R replicas with one loss, a function of the parameters alone; see `ReplicatedProblem`."""

    def _replica_loss(self, r: int, weights: tuple[Tensor, ...]) -> Tensor:
        return self._loss(weights)

    def _replica_gradient(
        self, r: int, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]
    ) -> Tensor:
        return self._gradient(weights, slots)

    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        """Write the gradient into `slots` and return the loss; by autograd unless replaced."""
        return super()._replica_gradient(0, weights, slots)

    @abstractmethod
    def _loss(self, weights: tuple[Tensor, ...]) -> Tensor:
        """Return the loss, 0-d, for autograd."""
