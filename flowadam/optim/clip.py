"""Limits on the speed of the flow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from flowadam.optim.norms import norms, read
from flowadam.optim.slots import Slot

Groups = Sequence[dict[str, Any]]


def clip(gradients: Sequence[Tensor], groups: Groups, length: float | None = None) -> list[Tensor]:
    """Return the slopes K(g) of one replica's gradients.

    clip_mode "coordinate": every coordinate limited to +-clip_value of its group. "global_norm":
    g * min(1, clip_value / |g|) with |g| over all tensors.

    Args:
        gradients: one per tensor.
        groups: options of each tensor.
        length: |g|, when it is known.
    """
    if groups[0]["clip_mode"] == "coordinate":
        return [
            g.clamp(-group["clip_value"], group["clip_value"])
            for g, group in zip(gradients, groups, strict=True)
        ]
    if length is None:
        length = math.hypot(*read(norms(list(gradients))))
    factor = shrinkage(length, groups[0]["clip_value"])
    return [g * factor for g in gradients] if factor < 1 else list(gradients)


def shrinkage(length: float, bound: float) -> float:
    """Return the factor that brings a vector of this length down to `bound`, at most 1."""
    return 1.0 if length <= bound else bound / (length + 1e-12)


def first_slopes(slots: Sequence[Slot]) -> list[Tensor]:
    """Return K(g) for the gradients of one replica; a pass is made only where it may change one."""
    groups = [slot.group for slot in slots]
    if groups[0]["clip_mode"] == "global_norm":
        length = math.hypot(*(slot.grad_norm for slot in slots))
        return clip([slot.grad for slot in slots], groups, length)
    # No coordinate exceeds the norm.
    return [
        slot.grad
        if slot.grad_norm <= slot.group["clip_value"]
        else clip([slot.grad], [slot.group])[0]
        for slot in slots
    ]


def count_clipped(slots: Sequence[Slot], slopes: Sequence[Tensor]) -> int:
    """Return how many coordinates the clip changed."""
    changed = [
        torch.count_nonzero(slope != slot.grad)
        for slot, slope in zip(slots, slopes, strict=True)
        if slope is not slot.grad
    ]
    return int(sum(read(changed))) if changed else 0
