"""FlowAdam with the anisotropy dial and the global-norm clip, this project's own."""

from __future__ import annotations

from dataclasses import replace

from flowadam.space import Float, Space
from search_spaces import flowadam
from search_spaces.shared import PENALTY, PENALTY_DEFAULT

_SOURCE = "arXiv 2608.05136"
_KEPT = [p for p in flowadam.SPEC.space if p.name not in ("opt.clip_value", PENALTY.name)]

SPEC = replace(
    flowadam.SPEC,
    name="flowadam_p",
    space=Space(
        (
            *_KEPT,
            Float(
                "opt.clip_value",
                1e-3,
                100.0,
                log=True,
                source=f"from a decade above the bounds of {_SOURCE}, 1 by default and 10 in the "
                "published runs, down to the norms of gradients on the tasks of this package",
            ),
            Float(
                "opt.precond_power",
                0.0,
                1.0,
                source=f"its whole range, from one common denominator to Adam's own ({_SOURCE})",
            ),
            PENALTY,
        )
    ),
    defaults={
        "opt.lr": 1e-3,
        "opt.beta1": 0.9,
        "opt.beta2": 0.999,
        "opt.eps": 1e-8,
        "opt.switch_sensitivity": 0.5,
        "opt.curvature_sensitivity": 2.0,
        "opt.ode_t_scale": 1.0,
        "opt.momentum_blend_gamma": 0.5,
        "opt.clip_value": 1.0,
        "opt.precond_power": 0.0,
        "opt.clip_mode": "global_norm",
        "opt.precond_scalar": "rms",
        "task.penalty": PENALTY_DEFAULT,
    },
    source=f"{_SOURCE}, preset B there, at p = 0, rms, global-norm clip; flowadam.FlowAdam",
    includes=(),
)
