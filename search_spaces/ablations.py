"""FlowAdam with one part of its mechanism changed, to tell what acts.

Each differs from ``flowadam`` in the options named here and has its ranges, less those of knobs
that no longer act. No sweep takes them unless they are named.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from flowadam.space import Float, Space, Value
from flowadam.spec import OptimizerSpec
from search_spaces import flowadam

_THRESHOLDS = ("switch_sensitivity", "curvature_sensitivity")
_FLOW = ("ode_t_scale", "clip_value")
_STAYS: dict[str, Value] = {"ode_method": "euler", "moves": False}
_STANDS_STILL = {
    "leaves_frozen_parameters_alone": "its flow steps move nothing, and under noise the detector "
    "can ask for one at every step that the check looks at"
}
_RATE = Float("opt.rate", 0.0, 1.0, source="its whole range: from Adam to nothing but flow steps")


def _spec(
    name: str,
    what: str,
    options: dict[str, Value],
    *,
    idle: Collection[str] = (),
    more: tuple[Float, ...] = (),
) -> OptimizerSpec:
    """Return FlowAdam under `options`.

    Args:
        what: the change in words.
        idle: knobs that do not act any more.
        more: knobs that act now.
    """
    gone = {f"opt.{knob}" for knob in idle}
    base = flowadam.SPEC
    fixed = {f"opt.{option}": value for option, value in options.items()}
    return replace(
        base,
        name=name,
        space=Space((*(p for p in base.space if p.name not in gone), *more)),
        defaults={k: v for k, v in base.defaults.items() if k not in gone} | fixed,
        source=f"ablation of flowadam: {what}",
        exempt=_STANDS_STILL if "moves" in options else {},
        extra_cost=0.0 if options.get("ode_method") == "euler" else base.extra_cost,
        includes=(),
    )


SPECS = {
    spec.name: spec
    for spec in (
        _spec("flowadam_euler", "the field is followed by one Euler step", {"ode_method": "euler"}),
        _spec("flowadam_still", "the velocity is injected, the parameters stay", _STAYS),
        _spec(
            "flowadam_damped",
            "a flow step scales the momentum by 1 - gamma and does nothing else",
            {**_STAYS, "injection": "damped"},
            idle=_FLOW,
        ),
        _spec(
            "flowadam_skip",
            "a flow step does nothing at all",
            {**_STAYS, "injection": "none"},
            idle=(*_FLOW, "momentum_blend_gamma"),
        ),
        _spec(
            "flowadam_unmixed",
            "the parameters follow the flow, the momentum stays",
            {"injection": "none"},
            idle=("momentum_blend_gamma",),
        ),
        _spec(
            "flowadam_hard",
            "the velocity replaces the momentum",
            {"injection": "hard"},
            idle=("momentum_blend_gamma",),
        ),
        _spec(
            "flowadam_random",
            "flow steps come at random",
            {"detector": "random", "rate": 0.5},
            idle=_THRESHOLDS,
            more=(_RATE,),
        ),
        _spec(
            "flowadam_periodic",
            "every second step is a flow step",
            {"detector": "periodic", "rate": 0.5},
            idle=_THRESHOLDS,
        ),
        _spec(
            "flowadam_moment",
            "the tests look at Adam's moments, not at norms of gradients",
            {"detector": "second_moment"},
        ),
    )
}
