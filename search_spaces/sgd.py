"""Stochastic gradient descent with Nesterov momentum, from torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from search_spaces.adapters.arguments import require_non_negative
from search_spaces.adapters.limits import SCALED
from search_spaces.shared import LR, MOMENTUM, PENALTY, PENALTY_DEFAULT

RATE = replace(
    LR,
    low=2e-2,
    high=1e3,
    source="deviates: its step has the gradient's scale, Adam's has none. AlgoPerf, "
    "external tuning ruleset of Nesterov momentum, [.02, 5], with the high end raised: "
    "the best rates on the tasks of this package lie between .1 (digits) and 300 "
    "(factorizations, whose losses are means over cells) (200 gradients, eleven rates "
    "from 1e-3 to 3e3)",
)


def sgd(
    params: Any, *, lr: float = 1e-3, momentum: float = 0.9, nesterov: bool = True
) -> torch.optim.SGD:
    """Return torch's SGD: ``b = momentum b + g``, then ``theta -= lr (g + momentum b)``.

    The buffer starts as the first gradient. Without `nesterov` the step is heavy ball's,
    ``theta -= lr b``. Weight decay would be the task's penalty once more, so it is 0.
    ``foreach=True`` for the reason given at Adam.
    """
    require_non_negative(lr=lr, momentum=momentum)
    return torch.optim.SGD(
        params,
        lr=lr,
        momentum=momentum,
        dampening=0.0,
        weight_decay=0.0,
        nesterov=nesterov,
        foreach=True,
    )


SPEC = OptimizerSpec(
    name="sgd",
    factory=sgd,
    space=Space(
        (
            RATE,
            MOMENTUM,
            PENALTY,
        )
    ),
    defaults={"opt.lr": 1e-3, "opt.momentum": 0.9, "task.penalty": PENALTY_DEFAULT},
    source="Sutskever et al. 2013 (On the importance of initialization and momentum in deep "
    "learning); torch.optim.SGD and its default rate, momentum .9 as in AlgoPerf's fixed baseline",
    exempt=SCALED,
)
