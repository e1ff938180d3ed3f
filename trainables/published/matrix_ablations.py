"""What the authors measured besides on matrix completion: compute, penalty, blend coefficient."""

from __future__ import annotations

from dataclasses import replace

from trainables.published.contenders import DECAY, PRESET_B, adam, flowadam
from trainables.published.matrix import RATE, scenario
from trainables.published.scenario import S5, Claim, Contender, Margin, Scenario

MATCHED_STEPS = 5032
GAMMAS = range(1, 10)


def compute_matched() -> Scenario:
    """Adam gets as many steps as FlowAdam took gradients, and overfits for longer (key C14)."""
    long = f"adam, {MATCHED_STEPS} steps"
    return replace(
        scenario("medium"),
        name="matrix_completion_matched",
        key="C14",
        contenders={"flowadam": flowadam(RATE, PRESET_B), long: adam(RATE, steps=MATCHED_STEPS)},
        claims={},
        margins={"flowadam": (Margin(0.147, 0.02, long),)},
    )


def penalties() -> Scenario:
    """What is left of FlowAdam's margin as Adam's penalty grows to the same size (key D16)."""
    adams = {f"adam, penalty x {share:g}": adam(RATE, share * DECAY) for share in (0.5, 1, 2)}
    half, equal, double = adams
    flows = {
        "flowadam": flowadam(RATE, PRESET_B),
        "flowadam, penalty x 0.5": flowadam(RATE, PRESET_B, DECAY / 2),
    }
    margins = Margin(0.16, 0.05, half), Margin(0.10, 0.03, equal), Margin(0.04, 0.03, double)
    return replace(
        scenario("small"),
        name="matrix_completion_penalty",
        key="D16",
        contenders={**adams, **flows},
        claims={},
        margins={
            "flowadam": margins,
            "flowadam, penalty x 0.5": (Margin(0.05, 0.03, equal),),
        },
    )


def _blended(gamma: float) -> Contender:
    return flowadam(RATE, PRESET_B, momentum_blend_gamma=gamma)


def gammas() -> Scenario:
    """FlowAdam at nine blend coefficients (key D15)."""
    return replace(
        scenario("small"),
        name="matrix_completion_gamma",
        key="D15",
        contenders={f"gamma {g / 10:g}": _blended(g / 10) for g in GAMMAS},
        claims={},
        spread=Claim(0.02, 0.01),
        seeds=S5[:3],
    )


SCENARIOS = {one.name: one for one in (compute_matched(), penalties(), gammas())}
