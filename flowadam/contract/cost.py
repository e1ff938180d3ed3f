"""The check of what a step is said to cost."""

from __future__ import annotations

import math

from flowadam.contract.drive import BOTH_KINDS, train
from flowadam.contract.result import require
from flowadam.spec import OptimizerSpec

GRADIENTS = 60


def costs_what_it_declares(spec: OptimizerSpec) -> None:
    """A step is charged at least one gradient and on average at most ``1 + extra_cost``."""
    for task in BOTH_KINDS:
        training = train(spec, task, GRADIENTS)
        for used, steps in zip(training.meter.used.tolist(), training.steps, strict=True):
            most = math.ceil(steps * (1 + spec.extra_cost))
            require(
                steps <= used <= most,
                f"{steps} steps were charged {used} gradients; `extra_cost` = "
                f"{spec.extra_cost:g} allows {steps} to {most}.",
            )
