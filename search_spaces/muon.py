"""Muon, from torch, with AdamW for what is no matrix."""

from __future__ import annotations

from typing import Any

import torch

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative
from search_spaces.adapters.by_shape import ByShape
from search_spaces.shared import LR, MOMENTUM, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY


def muon(
    params: Any,
    *,
    lr: float = 1e-3,
    momentum: float = 0.95,
    weight_decay: float = 1e-2,
) -> ByShape:
    """Return torch's Muon for 2-D tensors and torch's AdamW for all others, as its author does.

    ``b = momentum b + (1 - momentum) g``, ``O = NS5((1 - momentum) g + momentum b)``, five
    Newton-Schulz iterations in bfloat16 that bring all singular values near 1, then
    ``theta *= 1 - lr weight_decay`` and ``theta -= .2 lr sqrt(max(rows, columns)) O``. That factor
    (``adjust_lr_fn="match_rms_adamw"``) gives its steps the size of AdamW's, so both share rate and
    decay, and Muon the ranges of AdamW. AdamW's betas are (.9, .95) and its eps is 1e-8.
    """
    require_non_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
    return ByShape(
        params,
        {"lr": lr, "momentum": momentum, "weight_decay": weight_decay},
        matrices=lambda tensors: torch.optim.Muon(
            tensors,
            nesterov=True,
            ns_coefficients=(3.4445, -4.7750, 2.0315),
            eps=1e-7,
            ns_steps=5,
            adjust_lr_fn="match_rms_adamw",
        ),
        others=lambda tensors: torch.optim.AdamW(
            tensors, betas=(0.9, 0.95), eps=1e-8, foreach=True
        ),
    )


SPEC = OptimizerSpec(
    name="muon",
    factory=muon,
    space=Space((LR, MOMENTUM, WEIGHT_DECAY, PENALTY)),
    defaults={
        "opt.lr": 1e-3,
        "opt.momentum": 0.95,
        "opt.weight_decay": 1e-2,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Jordan et al. 2024 (kellerjordan.github.io/posts/muon); step size, and AdamW's betas, "
    "of Liu et al. 2025 (Muon is Scalable for LLM Training, arXiv 2502.16982); torch.optim.Muon "
    "and its defaults, but for the decay .01 of the author's README",
    stacking="split",
)
