"""Torch's optimizers on gradients that are cut to a norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.utils import get_total_norm


class Clipped(torch.optim.Optimizer):
    """Gives an optimizer g min(1, clip_value / ||g||), the norm over all parameters together.

    Args:
        clip_value: of every group; one that is added later may have its own.
        options: those of the optimizer behind this class.
    """

    def __init__(self, params: Any, clip_value: float, **options: Any) -> None:
        super().__init__(params, **options)
        self.defaults["clip_value"] = clip_value
        for group in self.param_groups:
            group.setdefault("clip_value", clip_value)

    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._clip()
        super().step()
        return loss

    @torch.no_grad()
    def _clip(self) -> None:
        grads = [p.grad for group in self.param_groups for p in group["params"]]
        norm = get_total_norm([g for g in grads if g is not None], foreach=True)
        for group in self.param_groups:
            factor = (group["clip_value"] / (norm + 1e-6)).clamp(max=1.0)
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.mul_(factor.to(p.grad.dtype))


class ClippedSGD(Clipped, torch.optim.SGD):
    """``theta -= lr g min(1, clip_value / ||g||)``."""


class ClippedAdam(Clipped, torch.optim.Adam):
    """Adam on ``g min(1, clip_value / ||g||)``."""
