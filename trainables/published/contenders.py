"""The optimizers of the FlowAdam paper's scripts, with their fixed rates and penalties."""

from __future__ import annotations

from typing import Any

from torch.optim import Adam, AdamW

from flowadam.optim import FlowAdam
from trainables.published.scenario import Contender

Thresholds = tuple[float, float, float]
"""switch_sensitivity, curvature_sensitivity, ode_t_scale."""

DECAY = 1e-5
PRESET_B: Thresholds = (0.90, 0.1, 0.5)


def adam(lr: float, decay: float = DECAY, steps: int | None = None) -> Contender:
    """Return Adam with the coupled weight decay `decay`."""
    return Contender(lambda params: Adam(params, lr=lr), decay / 2, steps)


def adamw(lr: float, decay: float) -> Contender:
    """Return AdamW with the decoupled weight decay `decay`."""
    return Contender(lambda params: AdamW(params, lr=lr, weight_decay=decay))


def flowadam(
    lr: float, thresholds: Thresholds, penalty: float = DECAY, **options: Any
) -> Contender:
    """Return FlowAdam with the numbers of the published code and `penalty` in the loss.

    Args:
        options: further ones of FlowAdam.
    """
    sigma, kappa, scale = thresholds
    options |= {
        "switch_sensitivity": sigma,
        "curvature_sensitivity": kappa,
        "ode_t_scale": scale,
    }
    return Contender(lambda params: FlowAdam.published(params, lr=lr, **options), penalty)
