"""Adam with clipping, a control: torch's Adam on gradients that are cut to a norm."""

from __future__ import annotations

from typing import Any

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative
from search_spaces.adapters.clipping import ClippedAdam
from search_spaces.clipped_sgd import CLIP_VALUE
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT


def clipped_adam(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    clip_value: float = 1.0,
) -> ClippedAdam:
    """Return Adam on the gradient ``g min(1, clip_value / ||g||)``, without weight decay."""
    require_non_negative(clip_value=clip_value)
    return ClippedAdam(params, clip_value, lr=lr, betas=(beta1, beta2), eps=eps, foreach=True)


SPEC = OptimizerSpec(
    name="clipped_adam",
    factory=clipped_adam,
    space=Space((LR, BETA1, BETA2, EPS, CLIP_VALUE, PENALTY)),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "opt.clip_value": 1.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Kingma & Ba 2015 (arXiv 1412.6980) on gradients clipped as by Pascanu et al. 2013 "
    "(arXiv 1211.5063), as usual for transformers, at the norm 1; torch.optim.Adam",
    stacking="split",
)
