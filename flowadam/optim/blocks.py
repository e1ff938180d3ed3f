"""Adam's moments and denominator, computed for lists of tensors at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from flowadam.optim import kernels

MOST_ENTRIES = 2**22
"""Of one block: temporaries have this size, or that of the largest tensor, not the model's."""


@dataclass(slots=True)
class Block:
    """Tensors that kernels take together: of one group, device, type and step count.

    Attributes:
        step: t of the bias corrections.
        params: live values, written in place.
        grads, exp_avgs, exp_avg_sqs: gradient and moments of each.
        entries: how many numbers `params` hold.
    """

    step: int
    params: list[Tensor] = field(default_factory=list)
    grads: list[Tensor] = field(default_factory=list)
    exp_avgs: list[Tensor] = field(default_factory=list)
    exp_avg_sqs: list[Tensor] = field(default_factory=list)
    entries: int = 0

    @property
    def wide(self) -> torch.dtype:
        """The type for norms and rates: float64 for float64 tensors, else float32."""
        double = self.params[0].dtype is torch.float64
        return torch.float64 if double else torch.float32

    def append(self, param: Tensor, state: Mapping[str, Any]) -> None:
        assert param.grad is not None
        self.params.append(param)
        self.grads.append(param.grad)
        self.exp_avgs.append(state["exp_avg"])
        self.exp_avg_sqs.append(state["exp_avg_sq"])
        self.entries += param.numel()

    def advance(self, betas: tuple[float, float]) -> None:
        """m <- b1 m + (1-b1) g, v <- b2 v + (1-b2) g^2."""
        beta1, beta2 = betas
        kernels.lerp_(self.exp_avgs, self.grads, 1 - beta1)
        kernels.mul_(self.exp_avg_sqs, beta2)
        kernels.addcmul_(self.exp_avg_sqs, self.grads, self.grads, 1 - beta2)

    def roots(self, beta2: float, eps: float) -> list[Tensor]:
        """Return sqrt(v / (1 - b2^t)) + eps in new tensors."""
        roots = list(kernels.sqrt(self.exp_avg_sqs))
        kernels.div_(roots, math.sqrt(1 - beta2**self.step))
        kernels.add_(roots, eps)
        return roots


def blocks(group: Mapping[str, Any], state: Mapping[Tensor, Any]) -> list[Block]:
    """Return the parameters of a group that have a gradient, in their order within a block."""
    found: list[Block] = []
    filling: dict[tuple[Any, ...], Block] = {}
    for p in group["params"]:
        if p.grad is None:
            continue
        step = state[p]["step"]
        key = (step, p.device, p.dtype)
        block = filling.get(key)
        if block is None or block.entries + p.numel() > MOST_ENTRIES:
            block = filling[key] = Block(step)
            found.append(block)
        block.append(p, state[p])
    return found
