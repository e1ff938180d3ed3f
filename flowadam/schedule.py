"""Learning-rate schedules as functions of the used budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flowadam.errors import InputError, require_known

SCHEDULES = ("constant", "cosine", "linear", "wsd")
DECAY = 0.2
"""Share of the budget in which "wsd" (warm-up, stable, decay) comes down to 0."""


@dataclass(frozen=True)
class Schedule:
    """The factor of the learning rate at u = used / budget, in [0, 1].

    With v = (u - warmup) / (1 - warmup), at least 0, the factor is
    min(1, (used + 1) / (warmup budget)), 1 without a warm-up, times

    - constant: 1,
    - cosine: (1 + cos(pi v)) / 2,
    - linear: 1 - v,
    - wsd: min(1, (1 - u) / 0.2).

    The warm-up counts the evaluation that is about to be made, so it does not begin with a step of
    length 0, and u those made before it, so the last step has a length too. They are gradient
    evaluations, not steps: an optimizer that evaluates several times in a step reaches the end of
    its decay within the same budget as the others.

    Args:
        name: one of `SCHEDULES`.
        warmup: share of the budget, in [0, 1).

    Raises:
        InputError: an unknown name, or a warm-up outside its range.
    """

    name: str = "constant"
    warmup: float = 0.0

    def __post_init__(self) -> None:
        require_known("schedule", self.name, SCHEDULES)
        if not 0 <= self.warmup < 1:
            raise InputError(f"`warmup` must be a share in [0, 1), got {self.warmup}.")

    @property
    def is_constant(self) -> bool:
        return self.name == "constant" and not self.warmup

    def factor(self, used: int, budget: int) -> float:
        """Return the factor for the next evaluation after `used` of `budget`."""
        rise = min(1.0, (used + 1) / (self.warmup * budget)) if self.warmup else 1.0
        return rise * self._fall(min(used / budget, 1.0))

    def _fall(self, u: float) -> float:
        v = max(0.0, (u - self.warmup) / (1 - self.warmup))
        falls = {
            "constant": 1.0,
            "cosine": (1 + math.cos(math.pi * v)) / 2,
            "linear": 1 - v,
            "wsd": min(1.0, (1 - u) / DECAY),
        }
        return falls[self.name]


CONSTANT = Schedule()
