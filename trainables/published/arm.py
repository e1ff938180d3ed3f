"""Inverse kinematics as published: Table V of arXiv 2604.06652, key C10.

The seed draws the angles at the start alone: the arc is the same for all. Joint angles are relative
to the link before, and the error is per coordinate; with either choice turned the published means
do not come out.
"""

from __future__ import annotations

import torch

from trainables.kinematics.arm import ArmProblem
from trainables.kinematics.inverse_kinematics import START_SCALE, inverse_kinematics_arc
from trainables.published import draws
from trainables.published.contenders import Thresholds, adam, adamw, flowadam
from trainables.published.scenario import Claim, Scenario, tested

RATE = 0.015
THRESHOLDS: Thresholds = (0.90, 1.5, 0.5)
SEEDS = (42, 100, 123, 789, 999)


def problem(seed: int, penalty: float) -> ArmProblem:
    """Draw the start of one seed by the generator calls of the published script."""
    task = inverse_kinematics_arc()
    torch.manual_seed(seed + 1000)
    start = START_SCALE * torch.randn(task.waypoints, task.links)
    return ArmProblem(task.targets(), start[None], draws.one_run(seed, penalty))


SCENARIOS = {
    "inverse_kinematics_arc": Scenario(
        name="inverse_kinematics_arc",
        key="C10",
        metric="target RMSE",
        steps=1500,
        problem=problem,
        contenders={
            "adam": adam(RATE),
            "flowadam": flowadam(RATE, THRESHOLDS),
            "adamw": adamw(RATE, 1e-5),
            "adamw, decay 1e-3": adamw(RATE, 1e-3),
            "adamw, decay 1e-2": adamw(RATE, 1e-2),
        },
        claims={
            "adam": Claim(0.182, 0.080),
            "flowadam": Claim(0.144, 0.070),
            "adamw": Claim(0.182, 0.080),
        },
        score=tested("target_rmse"),
        seeds=SEEDS,
    )
}
