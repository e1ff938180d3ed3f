"""Adam, from torch."""

from __future__ import annotations

from typing import Any

import torch

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT


def adam(
    params: Any, *, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> torch.optim.Adam:
    """Return torch's Adam, ``theta -= lr m_hat / (sqrt(v_hat) + eps)``, without weight decay.

    ``foreach=True`` is set because its result does not depend on where an entry lies in a tensor,
    so stacked replicas equal single ones bit for bit; torch's fused kernel differs by one rounding.
    """
    return torch.optim.Adam(params, lr=lr, betas=(beta1, beta2), eps=eps, foreach=True)


SPEC = OptimizerSpec(
    name="adam",
    factory=adam,
    space=Space((LR, BETA1, BETA2, EPS, PENALTY)),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Kingma & Ba 2015 (arXiv 1412.6980), Algorithm 1 and its defaults; torch.optim.Adam",
)
