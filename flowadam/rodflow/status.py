"""How a run ended."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Status = Literal["ok", "not smooth", "diverged", "stiff", "not finite"]
"""ok: followed to the end. not smooth: so too, but the loss has kinks, for which no flow is made.
diverged: left the ball of 1e6 (1 + |w_0|). stiff: needs more substeps than allowed. not finite: a
loss, gradient or state that is no finite number."""

REACH = 1e6


class Stopped(Exception):
    """A flow cannot go on; carries its status."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status: Status = status


class Ball:
    """The region |w| <= 1e6 (1 + |w_0|), beyond which a run counts as diverged."""

    def __init__(self, start: Tensor) -> None:
        self._radius = REACH * (1 + float(start.norm()))

    def holds(self, w: Tensor) -> bool:
        """Whether w is in it."""
        return float(w.norm()) <= self._radius
