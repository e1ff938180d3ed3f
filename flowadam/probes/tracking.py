"""Probes of a `Tracker`: how its flows fare beside it. They evaluate nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from flowadam.probes.base import Moment, Reading, one_by_one
from flowadam.probes.seats import optimizer_of
from flowadam.probes.steps import Free
from flowadam.rodflow.companions import FLOWS


@dataclass(frozen=True)
class TrackerReading(Free):
    """A number of ``Tracker.readings()``; nan for other optimizers, and where there is none yet.

    Where it is nan because a flow has ended, the message says how.

    Args:
        name: its key.
    """

    name: str

    @property
    def summary(self) -> str:
        return f"{self.name.replace('_', ' ')} of `flowadam rodflow`; nan for other optimizers"

    def read(self, moment: Moment) -> list[Reading]:
        return one_by_one(moment, lambda r: self._read(moment, r))

    def _read(self, moment: Moment, r: int) -> Reading:
        own = optimizer_of(moment.optimizer, r)
        if not hasattr(own, "readings"):
            return Reading()
        value = own.readings()[self.name]
        return Reading(value, message=_ending(own, self.name) if math.isnan(value) else "")


def _ending(tracker: Any, name: str) -> str:
    """Return how the flow of a reading ended, "" while it has not."""
    flow = name.partition("_")[0]
    status = tracker.flow_status(flow) if flow in FLOWS else "ok"
    return "" if status == "ok" else f"The flow has ended: {status}."
