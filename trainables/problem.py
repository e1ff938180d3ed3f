"""What full-batch problems share: replicas, gradients in place, the lock on the test part."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from flowadam.errors import InputError, require_known
from flowadam.seeds import derive
from flowadam.task import Split, TestSplitLocked

Part = TypeVar("Part")
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Setup:
    """The arguments of ``Task.make``, checked.

    Raises:
        InputError: no seed, a negative or non-finite penalty, an unknown dtype, a missing device.
    """

    seeds: tuple[int, ...]
    penalty: float
    test_unlocked: bool
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def check(
        cls,
        seeds: Sequence[int],
        *,
        penalty: float,
        test_unlocked: bool,
        device: str,
        dtype: str,
    ) -> Setup:
        if not seeds:
            raise InputError("A problem needs at least one seed, got none.")
        if not (math.isfinite(penalty) and penalty >= 0):
            raise InputError(f"`penalty` must be a finite number of at least 0, got {penalty}.")
        require_known("dtype", dtype, _DTYPES)
        return cls(tuple(seeds), penalty, test_unlocked, _device(device), _DTYPES[dtype])

    def splits(self) -> tuple[Split, ...]:
        """Return the splits that the problem may hold: a locked problem never receives test."""
        return ("val", "test") if self.test_unlocked else ("val",)

    def stacked_normal(self, name: str, *shapes: tuple[int, ...]) -> list[Tensor]:
        """Return tensors [R, *shape] of N(0, 1) entries; replica r depends on (name, seed r) alone.

        They are drawn in float64 on the CPU, so dtype and device do not change the start.
        """
        draws = [_normal(derive("init", name, seed), shapes) for seed in self.seeds]
        return [self.tensor(torch.stack(tensors)) for tensors in zip(*draws, strict=True)]

    def tensor(self, data: object) -> Tensor:
        """Copy `data` to the problem's dtype and device."""
        return torch.asarray(data, dtype=self.dtype, device=self.device, copy=True)

    def index(self, data: object) -> Tensor:
        """Copy whole numbers to int64, torch's index type, on the problem's device."""
        return torch.asarray(data, dtype=torch.int64, device=self.device, copy=True)


class FullBatchProblem(ABC, Generic[Part]):
    """R replicas whose loss is a function of the parameters alone.

    ``closure`` writes into one set of buffers and points ``p.grad`` at them: the next call
    overwrites them in place, so an optimizer that needs an older gradient keeps a copy. Setting
    ``p.grad`` to None in between is allowed. Replicas are evaluated one after the other, so the
    numbers of a replica do not depend on the block it sits in.

    Args:
        params: tensors [R, ...], made leaves that require gradients.
        parts: what ``evaluate`` may read, by split.
    """

    def __init__(self, params: list[Tensor], parts: Mapping[Split, Part]) -> None:
        self.params = [p.requires_grad_() for p in params]
        self._parts = dict(parts)
        self._buffers = [torch.zeros_like(p, requires_grad=False) for p in params]
        self._slots = list(zip(*(b.unbind(0) for b in self._buffers), strict=True))
        self._unknown = self._buffers[0].new_tensor(math.nan)

    def closure(self, active: Tensor | None = None) -> Tensor:
        """Fill ``p.grad`` for the active replicas; return losses [R], nan where inactive."""
        replicas = self._replicas()
        chosen = range(len(replicas)) if active is None else active.nonzero().flatten().tolist()
        losses = [self._unknown] * len(replicas)
        for r in chosen:
            losses[r] = self._gradient(replicas[r], self._slots[r])
        for p, buffer in zip(self.params, self._buffers, strict=True):
            p.grad = buffer
        return torch.stack(losses)

    def begin_step(self, k: int) -> None:
        """Do nothing: a full batch without dropout has nothing to fix for step k."""

    def evaluate(self, split: Split) -> dict[str, Tensor]:
        """Return each metric as a tensor [R].

        Raises:
            TestSplitLocked: `split` is "test" and the problem was made without `test_unlocked`.
            InputError: `split` is neither "val" nor "test".
        """
        require_known("split", split, ("val", "test"))
        if split not in self._parts:
            raise TestSplitLocked("The test part can be read in the confirm phase only.")
        with torch.no_grad():
            scores = [self._score(weights, self._parts[split]) for weights in self._replicas()]
        return {name: torch.stack([score[name] for score in scores]) for name in scores[0]}

    def _replicas(self) -> list[tuple[Tensor, ...]]:
        """Return the weights of each replica as views without gradient.

        They are taken anew each time, because an optimizer may exchange ``p.data``.
        """
        return list(zip(*(p.detach().unbind(0) for p in self.params), strict=True))

    @abstractmethod
    def _gradient(self, weights: tuple[Tensor, ...], slots: tuple[Tensor, ...]) -> Tensor:
        """Write the gradient of one replica into `slots`; return its loss, a fresh 0-d tensor."""

    @abstractmethod
    def _score(self, weights: tuple[Tensor, ...], part: Part) -> dict[str, Tensor]:
        """Return the metrics of one replica, 0-d tensors."""


def _normal(seed: int, shapes: tuple[tuple[int, ...], ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"`device` must be 'cpu' or 'cuda', got '{name}'.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"`device` '{name}' needs a GPU that torch can see, got none.")
    return device
