"""VRAdam's brake: a norm over many tensors and what follows from it, all on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.blocks import Block

Divisor = float | Tensor
"""What a rate is divided by: 1.0 where nothing brakes, else a tensor [], or [R] if stacked."""


def divisors(blocks: Sequence[Block], groups: Sequence[Mapping[str, Any]]) -> list[Divisor]:
    """Return 1 + min(beta3 s, lr_cutoff) for each group, s the power sum of `blocks`."""
    if not blocks or not any(_brakes(group) for group in groups):
        return [1.0] * len(groups)
    s = _power_sum(blocks, groups[0])
    return [_divisor(s, group) if _brakes(group) else 1.0 for group in groups]


def _brakes(group: Mapping[str, Any]) -> bool:
    """Say whether s can matter; where it cannot, an infinite one must not (0 * inf is nan)."""
    return group["beta3"] > 0 and group["lr_cutoff"] > 0


def _divisor(s: Tensor, group: Mapping[str, Any]) -> Tensor:
    return (group["beta3"] * s).clamp_(max=group["lr_cutoff"]).add_(1)


def _power_sum(blocks: Sequence[Block], group: Mapping[str, Any]) -> Tensor:
    """Return s = sum |x|^power over all entries of the velocities, or of the gradients.

    Shape [] or, if stacked, [R]; float64 if any of the tensors is, else float32. Every row of a
    stack is summed like a tensor of its own, so a replica's s does not depend on its neighbors.
    """
    norms = [norm for block in blocks for norm in _norms(block, group)]
    device = norms[0].device
    if any(norm.device != device for norm in norms):
        norms = [norm.to(device) for norm in norms]
    tensors = sum(len(block.params) for block in blocks)
    table = torch.stack(norms).view(tensors, -1).T.contiguous()
    sums = table.pow(group["power"]).sum(1)
    return sums if group["stacked"] else sums[0]


def _norms(block: Block, group: Mapping[str, Any]) -> Sequence[Tensor]:
    """Return a norm for each tensor of a block and each of its replicas, these inside."""
    tensors = block.exp_avgs if group["norm_of"] == "velocity" else block.grads
    if group["stacked"]:
        tensors = [row for tensor in tensors for row in tensor.unbind(0)]
    return kernels.norm(tensors, group["power"], dtype=block.wide)
