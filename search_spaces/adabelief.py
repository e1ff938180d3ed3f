"""AdaBelief, from pytorch-optimizer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytorch_optimizer import AdaBelief

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative
from search_spaces.adapters.copying import CopiesWhole
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY


class _AdaBelief(CopiesWhole, AdaBelief):
    kept = ("n_sma_threshold", "degenerated_to_sgd", "maximize", "foreach")


def adabelief(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-16,
    weight_decay: float = 0.0,
) -> AdaBelief:
    """Return pytorch-optimizer's AdaBelief, whose second moment is that of ``g - m``.

    ``s = beta2 s + (1 - beta2)(g - m)^2 + eps`` with the updated m, then
    ``theta -= lr m_hat / (sqrt(s_hat) + eps)``. Set here: ``rectify=False`` (Algorithm 2 of the
    paper; also the package's default, while the authors' own package rectifies),
    ``weight_decouple=True``, ``fixed_decay=False`` (``theta *= 1 - lr weight_decay``),
    ``ams_bound=False``, ``foreach=True``. The package passes unknown keywords through, so they are
    written out; it counts steps by group, so a parameter that joins late has no bias correction of
    its own.
    """
    require_non_negative(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    return _AdaBelief(
        params,
        lr=lr,
        betas=(beta1, beta2),
        weight_decay=weight_decay,
        weight_decouple=True,
        fixed_decay=False,
        rectify=False,
        ams_bound=False,
        foreach=True,
        eps=eps,
    )


SPEC = OptimizerSpec(
    name="adabelief",
    factory=adabelief,
    space=Space(
        (
            LR,
            BETA1,
            BETA2,
            replace(
                EPS,
                low=1e-16,
                high=1e-8,
                source="deviates: this eps accumulates in the second moment, whose root cannot "
                "fall below sqrt(eps / (1 - beta2)); the authors advise 1e-16 where Adam beats "
                "SGD and 1e-8 where SGD beats Adam (README of their code)",
            ),
            WEIGHT_DECAY,
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-16,
        "opt.weight_decay": 0.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Zhuang et al. 2020 (arXiv 2010.07468), Algorithm 2, and the defaults of the authors' "
    "code since 0.1; pytorch_optimizer.AdaBelief",
)
