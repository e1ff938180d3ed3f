"""The check of losses and gradients that are not finite."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from flowadam.contract.modules import Bowl, start
from flowadam.contract.result import require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

Where = Literal["loss", "gradient", "one entry"]
Ending = Literal["recovered", "visible", "silent"]
WHERE: tuple[Where, ...] = ("loss", "gradient", "one entry")
BAD_STEPS = (0, 13)
"""With and without state; from the twelfth step on FlowAdam may flow."""
END = 40
SOLVED = 1e-3
"""Share of the starting loss below which a run need not fall further."""


def survives_non_finite_losses(spec: OptimizerSpec) -> None:
    """A loss or gradient that is nan or inf raises nothing and breaks nothing unseen.

    After it the optimizer either goes on to lower the loss, or its parameters are not finite, so
    that everybody sees it: torch's own carry a nan in their moments for ever. What is never
    allowed are finite parameters that have silently stopped.
    """
    for bad in (math.nan, math.inf):
        for where in WHERE:
            for step in BAD_STEPS:
                require(
                    ending(spec, bad, where, step) != "silent",
                    f"After a {bad} in the {where} of step {step + 1} the parameters are finite, "
                    "but the loss no longer falls.",
                )


def ending(spec: OptimizerSpec, bad: float, where: Where, step: int) -> Ending:
    """Return how a run ends in which one step saw only `bad` losses or gradients."""
    bowl = Bowl([start(2, 3), start(5)])
    initial = sum(bowl.losses())
    loop = ordinary(spec, bowl)

    def closure() -> Tensor:
        loss = loop.closure()
        if where == "loss":
            return loss * bad
        gradient = loop.params[0].grad
        assert gradient is not None
        gradient.detach().view(-1)[: 1 if where == "one entry" else None] = bad
        return loss

    loop.advance(step)
    before = sum(bowl.losses())
    loop.advance(step + 1, closure)
    loop.advance(END)
    if not all(bool(p.isfinite().all()) for p in loop.params):
        return "visible"
    return "recovered" if sum(bowl.losses()) < max(before, SOLVED * initial) else "silent"
