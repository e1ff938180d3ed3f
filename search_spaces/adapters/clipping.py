"""Torch's optimizers on gradients that are cut to a norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.utils import get_total_norm


class ClippedSGD(torch.optim.SGD):
    """``theta -= lr g min(1, clip_value / ||g||)``, the norm over all parameters together."""

    def __init__(self, params: Any, lr: float, clip_value: float) -> None:
        super().__init__(params, lr=lr, foreach=True)
        add_option(self, clip_value=clip_value)

    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        loss = _evaluated(closure)
        clip(self)
        super().step()
        return loss


class ClippedAdam(torch.optim.Adam):
    """Adam on ``g min(1, clip_value / ||g||)``, the norm over all parameters together."""

    def __init__(
        self, params: Any, lr: float, betas: tuple[float, float], eps: float, clip_value: float
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, foreach=True)
        add_option(self, clip_value=clip_value)

    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        loss = _evaluated(closure)
        clip(self)
        super().step()
        return loss


def add_option(optimizer: torch.optim.Optimizer, **option: float) -> None:
    """Give an option to every parameter group, and to those that are added later."""
    optimizer.defaults |= option
    for group in optimizer.param_groups:
        for name, value in option.items():
            group.setdefault(name, value)


@torch.no_grad()
def clip(optimizer: torch.optim.Optimizer) -> None:
    """Scale every gradient in place; each group has its own ``clip_value``."""
    grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
    norm = get_total_norm([g for g in grads if g is not None], foreach=True)
    for group in optimizer.param_groups:
        factor = (group["clip_value"] / (norm + 1e-6)).clamp(max=1.0)
        for p in group["params"]:
            if p.grad is not None:
                p.grad.mul_(factor.to(p.grad.dtype))


def _evaluated(closure: Callable[..., Any] | None) -> Any:
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
