"""What tracking measures: frozen results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from flowadam.rodflow.method import Method
from flowadam.rodflow.status import Status


@dataclass(frozen=True)
class Run:
    """The discrete method.

    Args:
        losses: loss(w_t), t = 0, 1, ...
        amplitudes: |2 w_t - w_{t-1} - w_{t+1}| / 4, t = 1, 2, ...
        marks: the times t at which the sharpness was read, at (w_t + w_{t+1}) / 2, nu likewise.
        sharpness: preconditioned, at the marks; nan where it did not converge.
        threshold: S*, in the same units.
        status: "not smooth" when the loss has kinks.
        kinks: the operations of the loss that have them.
        gradients: of the steps.
        probe_gradients: of the sharpness, Hessian-vector products included.
        seconds: of the steps.
    """

    losses: tuple[float, ...]
    amplitudes: tuple[float, ...]
    marks: tuple[int, ...]
    sharpness: tuple[float, ...]
    threshold: float
    status: Status
    kinks: tuple[str, ...]
    gradients: int
    probe_gradients: int
    seconds: float

    @property
    def ratios(self) -> tuple[float, ...]:
        """S / S* at the marks."""
        return tuple(value / self.threshold for value in self.sharpness)

    @property
    def onset(self) -> int | None:
        """The first mark with S >= S*, or None."""
        pairs = zip(self.marks, self.ratios, strict=True)
        return next((t for t, ratio in pairs if ratio >= 1), None)


@dataclass(frozen=True)
class Trail:
    """A flow beside the iterates.

    Args:
        errors: distance of its center to (w_t + w_{t+1}) / 2, t = 1, 2, ...; nan after it ended.
        extents: half the length of the rod at t + 1, t = 1, 2, ...; 0 for the stable flow.
        losses: at the marks t >= 1, the mean of the loss over the flow's ends at t, which stands
            for that over w_t and w_{t+1}.
        steps: optimizer steps followed.
        gradients: for all of them.
        seconds: of the steps, without what is only measured.
    """

    label: str
    errors: tuple[float, ...]
    extents: tuple[float, ...]
    losses: tuple[float, ...]
    status: Status
    steps: int
    gradients: int
    seconds: float

    @property
    def gradients_per_step(self) -> float:
        """Gradients per optimizer step; nan before the first."""
        return self.gradients / self.steps if self.steps else math.nan

    def mean_error(self, first: int = 1) -> float:
        """Return the mean error over t >= first; inf where the flow ended on the way, nan of none.

        Args:
            first: such as the onset.
        """
        kept = self.errors[max(first, 1) - 1 :]
        if not kept:
            return math.nan
        return math.fsum(kept) / len(kept) if all(map(math.isfinite, kept)) else math.inf


@dataclass(frozen=True)
class Tracking:
    """A discrete run and flows from the same start.

    Args:
        trails: by label.
    """

    method: Method
    run: Run
    trails: Mapping[str, Trail]

    def eos_error(self, label: str) -> float:
        """Return the mean error after the onset; nan if there was none."""
        onset = self.run.onset
        return math.nan if onset is None else self.trails[label].mean_error(onset)

    def ratio(self, label: str, other: str = "stable flow") -> float:
        """Return how many times smaller the mean error after the onset is than that of `other`."""
        mine, base = self.eos_error(label), self.eos_error(other)
        return math.nan if mine == 0 or math.isinf(mine) else base / mine
