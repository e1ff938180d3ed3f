"""How a run ended."""

from __future__ import annotations

from typing import Literal

Status = Literal["ok", "not smooth", "diverged", "stiff", "not finite"]
"""ok: followed to the end. not smooth: so too, but the loss has kinks, for which no flow is made.
diverged: left the ball of 1e6 (1 + |w_0|). stiff: needs more substeps than allowed. not finite: a
loss, gradient or state that is no finite number."""


class Stopped(Exception):
    """A flow cannot go on; carries its status."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status: Status = status
