"""Sophia-H, from pytorch-optimizer."""

from __future__ import annotations

from typing import Any

from pytorch_optimizer import SophiaH

from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative, require_positive
from search_spaces.adapters.copying import CopiesWhole
from search_spaces.adapters.limits import GRAPH_IN_PROCESSES, SCALED
from search_spaces.shared import BETA1, BETA2, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY

PERIOD = 10


class _SophiaH(CopiesWhole, SophiaH):
    kept = ("update_period", "num_samples", "distribution", "maximize", "foreach")


def sophiah(
    params: Any,
    *,
    lr: float = 6e-4,
    beta1: float = 0.96,
    beta2: float = 0.99,
    gamma: float = 1e-2,
    weight_decay: float = 0.0,
) -> SophiaH:
    """Return pytorch-optimizer's SophiaH, in the units of the paper.

    ``h = beta2 h + (1 - beta2) u * (H u)`` in steps 1, 11, 21, ..., u normal (Hutchinson), then
    ``theta *= 1 - lr weight_decay`` and ``theta -= lr clip(m / max(gamma h, 0), -1, 1)``: no
    coordinate moves further than `lr`. The package writes ``lr / gamma`` for the rate and clips at
    gamma, which is the same; its floor under h is 1e-12. The gradients must carry a graph; u is
    drawn from torch's global generator.
    """
    require_non_negative(lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay)
    require_positive(gamma=gamma)
    return _SophiaH(
        params,
        lr=lr / gamma,
        betas=(beta1, beta2),
        weight_decay=weight_decay * gamma,
        weight_decouple=True,
        fixed_decay=False,
        p=gamma,
        update_period=PERIOD,
        num_samples=1,
        hessian_distribution="gaussian",
        eps=1e-12,
        maximize=False,
        foreach=True,
    )


SPEC = OptimizerSpec(
    name="sophiah",
    factory=sophiah,
    space=Space(
        (
            LR,
            BETA1,
            BETA2,
            Float(
                "opt.gamma",
                1e-2,
                10.0,
                log=True,
                source="from the paper's .01 for Hutchinson's estimator, at which every coordinate "
                "is clipped on the tasks of this package, upwards: the paper chooses it so that "
                "a tenth to a half of them is not, and the best values here are 1 to 10 (200 "
                "gradients, seven values from .01 to 100)",
            ),
            WEIGHT_DECAY,
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 6e-4,
        "opt.beta1": 0.96,
        "opt.beta2": 0.99,
        "opt.gamma": 1e-2,
        "opt.weight_decay": 0.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Liu et al. 2023 (arXiv 2305.14342), Algorithm 3 with the estimator of Algorithm 1; "
    "pytorch_optimizer.SophiaH and its defaults",
    stacking="split",
    needs_graph=True,
    extra_cost=1 / PERIOD,
    exempt={**SCALED, **GRAPH_IN_PROCESSES},
)
