"""VRAdam, this project's own implementation."""

from __future__ import annotations

from typing import Any

from flowadam.optim import VRAdam
from flowadam.space import Float, Space
from flowadam.spec import Inclusion, OptimizerSpec
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT, WEIGHT_DECAY

_SWEEPS = "the authors' public sweep files"


def vradam(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-5,
    beta3: float = 1.0,
    lr_cutoff: float = 10.0,
    stacked: bool = False,
    deterministic: bool = False,
) -> VRAdam:
    """Return VRAdam with the paper's global norm of the velocity.

    `deterministic` changes nothing: a step takes one gradient whatever the closure is.
    """
    return VRAdam(
        params,
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        beta3=beta3,
        lr_cutoff=lr_cutoff,
        stacked=stacked,
    )


SPEC = OptimizerSpec(
    name="vradam",
    factory=vradam,
    space=Space(
        (
            LR,
            BETA1,
            BETA2,
            EPS,
            WEIGHT_DECAY,
            Float(
                "opt.beta3",
                0.1,
                1e7,
                log=True,
                source=f"from the low end of {_SWEEPS}, [.1, 1.5], upwards to where it acts: the "
                "norm is extensive and quadratic in the gradient, and its largest square along a "
                "run of 200 gradients on the tasks of this package lies between .15 (digits) and "
                "1e-6 (factorizations), so that the brake needs a beta3 of 10 to 1e6 to halve the "
                "rate, and a decade more to reach its floor",
            ),
            Float("opt.lr_cutoff", 3.0, 30.0, log=True, source=f"{_SWEEPS}: [3, 30]"),
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "opt.weight_decay": 1e-5,
        "opt.beta3": 1.0,
        "opt.lr_cutoff": 10.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="VRAdam (arXiv 2505.13196) and the present defaults of the authors' code; "
    "flowadam.VRAdam. Their sweeps also choose the gradient's norm; the paper's rule has the "
    "velocity's, so that is not a knob here",
    stacking="native",
    includes=(
        Inclusion("adamw", {"opt.beta3": 0.0}),
        Inclusion("adam", {"opt.beta3": 0.0, "opt.weight_decay": 0.0}),
    ),
)
