"""AdaHessian, from pytorch-optimizer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytorch_optimizer import AdaHessian

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative
from search_spaces.adapters.copying import CopiesWhole
from search_spaces.adapters.limits import GRAPH_IN_PROCESSES, SCALED
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY


class _AdaHessian(CopiesWhole, AdaHessian):
    kept = ("update_period", "num_samples", "distribution", "maximize", "foreach")


def adahessian(
    params: Any,
    *,
    lr: float = 0.15,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-4,
    weight_decay: float = 0.0,
) -> AdaHessian:
    """Return pytorch-optimizer's AdaHessian: Adam whose second moment is of the Hessian's diagonal.

    ``D = z * (H z)`` with random signs z (Hutchinson), ``s = beta2 s + (1 - beta2) D^2``, then
    ``theta -= lr m_hat / (sqrt(s_hat) + eps)``. Set here: a fresh z at each step, all of H in one
    product; ``hessian_power=1``; ``theta *= 1 - lr weight_decay`` as in the authors' code. The
    package has no averaging of D over the rows of a matrix, which the authors' code offers. The
    gradients must carry a graph; z is drawn from torch's global generator.
    """
    require_non_negative(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    return _AdaHessian(
        params,
        lr=lr,
        betas=(beta1, beta2),
        weight_decay=weight_decay,
        weight_decouple=True,
        fixed_decay=False,
        hessian_power=1.0,
        update_period=1,
        num_samples=1,
        hessian_distribution="rademacher",
        eps=eps,
        maximize=False,
        foreach=True,
    )


SPEC = OptimizerSpec(
    name="adahessian",
    factory=adahessian,
    space=Space(
        (
            replace(
                LR,
                low=1e-2,
                high=1.0,
                source="deviates: 1 is a Newton step, whatever the scale of the loss; two decades "
                "down from it, around the authors' .15",
            ),
            BETA1,
            BETA2,
            replace(
                EPS,
                low=1e-6,
                high=1e-2,
                source="deviates: two decades to either side of the 1e-4 of the authors' code; it "
                "is added to a curvature, and the package's 1e-16 lets all factorizations of this "
                "package diverge at the authors' rate",
            ),
            WEIGHT_DECAY,
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 0.15,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-4,
        "opt.weight_decay": 0.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Yao et al. 2021 (arXiv 2006.00719), Algorithm 1, and the defaults of the authors' "
    "code; pytorch_optimizer.AdaHessian",
    stacking="split",
    needs_graph=True,
    extra_cost=1.0,
    exempt={**SCALED, **GRAPH_IN_PROCESSES},
)
