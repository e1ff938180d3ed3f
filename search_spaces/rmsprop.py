"""RMSProp, from torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.shared import BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT


def rmsprop(
    params: Any, *, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8
) -> torch.optim.RMSprop:
    """Return torch's RMSProp: ``v = alpha v + (1 - alpha) g^2``, then ``-lr g / (sqrt(v) + eps)``.

    As in the lecture it comes from: no momentum, not centered, no bias correction, so a first step
    is ``lr / sqrt(1 - alpha)`` long. ``foreach=True`` for the reason given at Adam.
    """
    return torch.optim.RMSprop(
        params,
        lr=lr,
        alpha=alpha,
        eps=eps,
        weight_decay=0.0,
        momentum=0.0,
        centered=False,
        foreach=True,
    )


SPEC = OptimizerSpec(
    name="rmsprop",
    factory=rmsprop,
    space=Space((LR, replace(BETA2, name="opt.alpha"), EPS, PENALTY)),
    defaults={
        "opt.lr": 1e-2,
        "opt.alpha": 0.99,
        "opt.eps": 1e-8,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Tieleman & Hinton 2012 (Neural Networks for Machine Learning, lecture 6.5); "
    "torch.optim.RMSprop and its defaults",
)
