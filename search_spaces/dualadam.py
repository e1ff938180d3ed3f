"""DualAdam, this project's own implementation."""

from __future__ import annotations

from typing import Any

from flowadam.optim import DualAdam
from flowadam.space import Float, Space
from flowadam.spec import Inclusion, OptimizerSpec
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY


def dualadam(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    switch_rate: float = 0.01,
) -> DualAdam:
    """Return DualAdam: InvAdam that turns into Adam within ``1 / switch_rate`` steps."""
    return DualAdam(
        params,
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        switch_rate=switch_rate,
    )


SPEC = OptimizerSpec(
    name="dualadam",
    factory=dualadam,
    space=Space(
        (
            LR,
            BETA1,
            BETA2,
            EPS,
            WEIGHT_DECAY,
            Float(
                "opt.switch_rate",
                8e-5,
                0.5,
                log=True,
                source="from the 8e-5 of the authors' CIFAR script (12,500 mixed steps) over the "
                "code's default .01 to .5, beyond which there is nothing but Adam",
            ),
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "opt.weight_decay": 0.0,
        "opt.switch_rate": 0.01,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="DualAdam (arXiv 2603.07122) and the defaults of the authors' code; flowadam.DualAdam",
    includes=(
        Inclusion("adam", {"opt.switch_rate": 1.0, "opt.weight_decay": 0.0}),
        Inclusion("adamw", {"opt.switch_rate": 1.0}),
        Inclusion("invadam", {"opt.switch_rate": 0.0}),
    ),
)
