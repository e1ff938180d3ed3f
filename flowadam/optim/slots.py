"""The pieces that every part of a step works on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels


@dataclass(slots=True)
class Slot:
    """One tensor of one replica, with a gradient in this step.

    A stacked parameter [R, ...] is R slots whose tensors are views of it, so replicas cannot
    influence each other; an ordinary parameter is one slot.

    Attributes:
        owner: the parameter the optimizer was given.
        replica: index on the leading axis, 0 when not stacked.
        group: options of the parameter group.
        state: optimizer state of `owner`.
        param: live values, written in place.
        grad: gradient at the start of the step.
        grad_norm: Euclidean norm of `grad`, set by the detector.
    """

    owner: Tensor
    replica: int
    group: dict[str, Any]
    state: dict[str, Any]
    param: Tensor
    grad: Tensor
    grad_norm: float = math.inf

    @property
    def previous(self) -> Tensor | None:
        """Gradient that the detector compares with, None before the first."""
        return self.state["grad_prev"][self.replica]

    @previous.setter
    def previous(self, gradient: Tensor) -> None:
        self.state["grad_prev"][self.replica] = gradient

    def row(self, tensor: Tensor) -> Tensor:
        """Return this replica's part of a tensor shaped like `owner`."""
        return tensor[self.replica] if self.group["stacked"] else tensor

    def current_grad(self) -> Tensor:
        """Return the gradient that the last closure call left; a missing one is zero."""
        grad = self.owner.grad
        return torch.zeros_like(self.param) if grad is None else self.row(grad)


def rows(tensor: Tensor, stacked: bool) -> Sequence[Tensor]:
    """Return one view per replica."""
    return tensor.detach().unbind(0) if stacked else (tensor,)


def by_replica(slots: Iterable[Slot]) -> dict[int, list[Slot]]:
    """Collect slots by replica, in the order of the parameters."""
    found: dict[int, list[Slot]] = {}
    for slot in slots:
        found.setdefault(slot.replica, []).append(slot)
    return found


@contextmanager
def kept_gradients(params: Sequence[Tensor], slots: Sequence[Slot]) -> Iterator[None]:
    """Hold the gradients aside while the closure runs again, then put them back.

    Closures may write every gradient into the same buffers, so values are copied.
    """
    buffers = [p.grad for p in params]
    views = [slot.grad for slot in slots]
    for slot in slots:
        slot.grad = slot.grad.clone()
    try:
        yield
    finally:
        for p, buffer in zip(params, buffers, strict=True):
            p.grad = buffer
        kernels.copy_(views, [slot.grad for slot in slots])
