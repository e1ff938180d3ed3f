"""AdamW, from torch."""

from __future__ import annotations

from typing import Any

import torch

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY


def adamw(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> torch.optim.AdamW:
    """Return torch's AdamW: ``theta *= 1 - lr weight_decay`` before each Adam step.

    ``foreach=True`` for the reason given at Adam.
    """
    return torch.optim.AdamW(
        params,
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        foreach=True,
    )


SPEC = OptimizerSpec(
    name="adamw",
    factory=adamw,
    space=Space((LR, BETA1, BETA2, EPS, WEIGHT_DECAY, PENALTY)),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "opt.weight_decay": 1e-2,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Loshchilov & Hutter 2019 (arXiv 1711.05101), Algorithm 2; torch.optim.AdamW and its "
    "defaults",
)
