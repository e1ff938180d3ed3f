"""RAdam, from torch."""

from __future__ import annotations

from typing import Any

import torch

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.limits import SCALED
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY


def radam(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> torch.optim.RAdam:
    """Return torch's RAdam: Adam's step times r_t, where the second moment is too young to trust.

    With ``rho_inf = 2 / (1 - beta2) - 1`` and ``rho = rho_inf - 2 t beta2^t / (1 - beta2^t)``:
    where rho > 5 it is ``theta -= lr r m_hat / (sqrt(v) + eps) sqrt(1 - beta2^t)`` with
    ``r^2 = (rho - 4)(rho - 2) rho_inf / [(rho_inf - 4)(rho_inf - 2) rho]``, before that
    ``theta -= lr m_hat``. Set here: ``decoupled_weight_decay=True``
    (``theta *= 1 - lr weight_decay``, as in the authors' code; torch's default adds the decay to
    the gradient), ``foreach=True`` for the reason given at Adam.
    """
    return torch.optim.RAdam(
        params,
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        decoupled_weight_decay=True,
        foreach=True,
    )


SPEC = OptimizerSpec(
    name="radam",
    factory=radam,
    space=Space((LR, BETA1, BETA2, EPS, WEIGHT_DECAY, PENALTY)),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "opt.weight_decay": 0.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="Liu et al. 2020 (arXiv 1908.03265), Algorithm 2; torch.optim.RAdam and its defaults",
    exempt=SCALED,
)
