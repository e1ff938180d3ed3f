"""The nine optimizers, each by what tells it from the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flowadam.rodflow.choices import require

Momentum = Literal["none", "heavy ball", "nesterov"]
Moment = Literal["none", "scalar", "vector"]


@dataclass(frozen=True)
class Optimizer:
    """One of ``w' = w - p u``: which u, and which p.

    Args:
        momentum: u = g | m' | beta1 m' + k1 g.
        averaged: the momentum is an average, k1 = 1 - beta1, or a sum, k1 = 1.
        moment: p = lr, or lr / (sqrt(nu') + eps) with nu the average of the squared gradient, per
            component ("vector") or summed over the components ("scalar").
    """

    name: str
    momentum: Momentum = "none"
    averaged: bool = False
    moment: Moment = "none"


OPTIMIZERS = {
    one.name: one
    for one in (
        Optimizer("gd"),
        Optimizer("hb", "heavy ball"),
        Optimizer("nag", "nesterov"),
        Optimizer("srmsprop", moment="scalar"),
        Optimizer("rmsprop", moment="vector"),
        Optimizer("sadam", "heavy ball", averaged=True, moment="scalar"),
        Optimizer("adam", "heavy ball", averaged=True, moment="vector"),
        Optimizer("snadam", "nesterov", averaged=True, moment="scalar"),
        Optimizer("nadam", "nesterov", averaged=True, moment="vector"),
    )
}


def optimizer(name: str) -> Optimizer:
    """Return one of the nine by its name.

    Raises:
        ValueError: no optimizer has this name.
    """
    require("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]
