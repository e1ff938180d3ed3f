"""InvAdam, this project's own implementation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowadam.optim import InvAdam
from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY


def invadam(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> InvAdam:
    """Return InvAdam: ``theta -= lr m_hat (sqrt(v_hat) + eps)``, with decoupled weight decay."""
    return InvAdam(params, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay)


SPEC = OptimizerSpec(
    name="invadam",
    factory=invadam,
    space=Space(
        (
            replace(
                LR,
                low=1e-1,
                high=1e8,
                source="deviates: its step is quadratic in the gradient, so a rate is that of one "
                "loss scale. From three decades below the best rate on digits (1e2) to one above "
                "that on the factorizations (1e7; 200 gradients, a rate each decade from 1e-3 to "
                "1e8); the 1e-2 of the authors' CIFAR runs does not move these tasks",
            ),
            BETA1,
            BETA2,
            EPS,
            WEIGHT_DECAY,
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "opt.weight_decay": 0.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="DualAdam (arXiv 2603.07122), its inverse part alone, and the defaults of the authors' "
    "code; flowadam.InvAdam",
)
