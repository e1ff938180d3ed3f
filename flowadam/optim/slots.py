"""The pieces that every part of a step works on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


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
        exp_avg, exp_avg_sq: Adam's moments, written in place.
        grad_norm: Euclidean norm of `grad`, set by the detector.
    """

    owner: Tensor
    replica: int
    group: dict[str, Any]
    state: dict[str, Any]
    param: Tensor
    grad: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    grad_norm: float = math.inf

    @property
    def updates(self) -> int:
        """Adam updates so far, t of the bias correction."""
        return self.state["step"][self.replica]

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
        if grad is None:
            return torch.zeros_like(self.param)
        return self.row(grad.detach() if grad.requires_grad else grad)


def slots_of(p: Tensor, group: dict[str, Any], state: dict[str, Any]) -> list[Slot]:
    """Return the slots of one parameter that has a gradient."""
    assert p.grad is not None
    tensors = (p, p.grad, state["exp_avg"], state["exp_avg_sq"])
    if not group["stacked"]:
        return [Slot(p, 0, group, state, *tensors)]
    views = zip(*(rows(tensor, stacked=True) for tensor in tensors), strict=True)
    return [Slot(p, r, group, state, *own) for r, own in enumerate(views)]


def rows(tensor: Tensor, stacked: bool) -> Sequence[Tensor]:
    """Return one view per replica."""
    return tensor.detach().unbind(0) if stacked else (tensor,)


def by_replica(slots: Iterable[Slot]) -> dict[int, list[Slot]]:
    """Collect slots by replica, in the order of the parameters."""
    found: dict[int, list[Slot]] = {}
    for slot in slots:
        found.setdefault(slot.replica, []).append(slot)
    return found
