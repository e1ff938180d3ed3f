"""Limits on the speed of the flow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.optim.lanes import Lane, Options
from flowadam.optim.norms import norms, read


def clip(
    gradients: Sequence[Tensor], groups: Sequence[Options], length: float | None = None
) -> list[Tensor]:
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


def first_slopes(lane: Lane) -> list[Tensor]:
    """Return K(g) of a lane's gradients; a gradient that the clip cannot change is its own."""
    lengths = lane.lengths or []
    if lane.options["clip_mode"] == "global_norm":
        return clip(lane.grads, lane.groups, math.hypot(*lengths))
    # No coordinate exceeds the norm.
    return [
        grad if length <= group["clip_value"] else clip([grad], [group])[0]
        for grad, length, group in zip(lane.grads, lengths, lane.groups, strict=True)
    ]


def count_clipped(grads: Sequence[Tensor], slopes: Sequence[Tensor]) -> int:
    """Return how many coordinates the clip changed."""
    changed = [
        torch.count_nonzero(slope != grad)
        for slope, grad in zip(slopes, grads, strict=True)
        if slope is not grad
    ]
    return int(sum(read(changed))) if changed else 0
