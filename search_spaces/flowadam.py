"""FlowAdam, this project's own implementation."""

from __future__ import annotations

import math
from typing import Any, Literal

from flowadam.optim import FlowAdam
from flowadam.space import Float, Space
from flowadam.spec import Inclusion, OptimizerSpec
from search_spaces.shared import BETA1, BETA2, EPS, LR, PENALTY, PENALTY_DEFAULT

_PRESETS = "the published presets A (.40, 3, 2) and B (.90, .1, .5) of arXiv 2604.06652"


def flowadam(
    params: Any,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    switch_sensitivity: float = 0.9,
    curvature_sensitivity: float = 0.1,
    ode_t_scale: float = 0.5,
    detector: str = "gradient_norm",
    rate: float = 0.5,
    detector_seed: int = 0,
    ode_method: str = "ladder",
    ode_setup: Literal["bounded", "published"] = "bounded",
    ode_tol: float = 1e-4,
    momentum_blend_gamma: float = 0.5,
    clip_mode: Literal["coordinate", "global_norm"] = "coordinate",
    clip_value: float = 1.0,
    injection: Literal["soft", "hard", "none", "damped"] = "soft",
    moves: bool = True,
    velocity: Literal["slope", "difference"] = "slope",
    precond_power: float = 1.0,
    precond_scalar: Literal["rms", "geomean"] = "rms",
    eps_placement: Literal["published", "torch"] = "published",
    stacked: bool = False,
    deterministic: bool = False,
) -> FlowAdam:
    """Return FlowAdam with preset B as default; what is not an argument keeps its own default."""
    return FlowAdam(
        params,
        lr=lr,
        betas=(beta1, beta2),
        eps=eps,
        switch_sensitivity=switch_sensitivity,
        curvature_sensitivity=curvature_sensitivity,
        ode_t_scale=ode_t_scale,
        detector=detector,
        rate=rate,
        detector_seed=detector_seed,
        ode_method=ode_method,
        ode_setup=ode_setup,
        ode_tol=ode_tol,
        momentum_blend_gamma=momentum_blend_gamma,
        clip_mode=clip_mode,
        clip_value=clip_value,
        injection=injection,
        moves=moves,
        velocity=velocity,
        precond_power=precond_power,
        precond_scalar=precond_scalar,
        eps_placement=eps_placement,
        stacked=stacked,
        deterministic=deterministic,
    )


SPEC = OptimizerSpec(
    name="flowadam",
    factory=flowadam,
    space=Space(
        (
            LR,
            BETA1,
            BETA2,
            EPS,
            Float(
                "opt.switch_sensitivity",
                0.0,
                1.2,
                source=f"spans {_PRESETS}; at 0 the plateau test never fires, above 1 it fires on "
                "steps whose gradient is larger than usual",
            ),
            Float(
                "opt.curvature_sensitivity",
                0.03,
                30.0,
                log=True,
                source=f"spans {_PRESETS}; from 10 on the stiffness test cannot fire, because the "
                "average it compares with holds a tenth of the current value",
            ),
            Float(
                "opt.ode_t_scale",
                0.05,
                20.0,
                log=True,
                source=f"a decade to either side of {_PRESETS}",
            ),
            Float(
                "opt.momentum_blend_gamma",
                0.0,
                1.0,
                source="its whole range: 0 injects nothing, 1 replaces the momentum; the published "
                "ablation covers .1 to .9",
            ),
            Float(
                "opt.clip_value",
                1e-6,
                1.0,
                log=True,
                source="from the published 1, which never binds on the tasks of this package, down "
                "to the scale of their gradients: medians over coordinates of 5e-3 (digits) to "
                "1e-5 (factorizations) at the start, a tenth to a hundredth of it at the end",
            ),
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "opt.switch_sensitivity": 0.9,
        "opt.curvature_sensitivity": 0.1,
        "opt.ode_t_scale": 0.5,
        "opt.momentum_blend_gamma": 0.5,
        "opt.clip_value": 1.0,
        "task.penalty": PENALTY_DEFAULT,
    },
    source="FlowAdam (IJCNN 2026, arXiv 2604.06652), preset B; flowadam.FlowAdam",
    stacking="native",
    extra_cost=1.0,  # of a flow step under a stochastic closure, where the flow is smooth; else 0
    includes=(
        Inclusion(
            "adam",
            {
                "opt.switch_sensitivity": 0.0,
                "opt.curvature_sensitivity": math.inf,
                "opt.eps_placement": "torch",
            },
        ),
    ),
)
