"""What FlowAdam remembers about one replica besides its tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from flowadam.optim.detector import Verdict
    from flowadam.optim.field import Journey

COUNTERS = (
    "steps",
    "flow_steps",
    "field_evals",
    "fallbacks",
    "plateau_triggers",
    "stiffness_triggers",
    "capped_injections",
)


@dataclass(slots=True)
class Record:
    """Running averages and counters of one replica.

    Attributes:
        steps: updates made, Adam and flow (k of the paper).
        grad_ema: average of the gradient norm (G), nan before the first.
        change_ema: average of the norm of the gradient's change (C), nan before the first.
        flow_steps: updates that followed the flow.
        field_evals: closure evaluations spent inside flows, failed ones included.
        fallbacks: flows whose solver failed, replaced by an Adam update.
        plateau_triggers: flows that the plateau test asked for, failed ones included.
        stiffness_triggers: likewise for the stiffness test; both may ask for one flow.
        capped_injections: tensors whose velocity was scaled down before it was injected.
        clipped: coordinates that the clip changed in the first slopes of flows.
        coordinates: coordinates of these slopes.
        slope_loss: loss that belongs to the slopes kept for the next step, None without any.
        trainable: which parameters of the optimizer required gradients when they were taken.
    """

    steps: int = 0
    grad_ema: float = math.nan
    change_ema: float = math.nan
    flow_steps: int = 0
    field_evals: int = 0
    fallbacks: int = 0
    plateau_triggers: int = 0
    stiffness_triggers: int = 0
    capped_injections: int = 0
    clipped: int = 0
    coordinates: int = 0
    slope_loss: Tensor | float | None = None
    trainable: list[bool] = field(default_factory=list)

    def see(self, verdict: Verdict) -> None:
        """Count a step: the averages after it, and which tests asked for a flow."""
        self.steps += 1
        self.grad_ema, self.change_ema = verdict.sight.grad_ema, verdict.sight.change_ema
        self.plateau_triggers += verdict.plateau
        self.stiffness_triggers += verdict.stiff

    def travel(self, journey: Journey) -> None:
        """Count a flow, followed to its end or not."""
        self.field_evals += journey.evals
        self.clipped += journey.clipped
        self.coordinates += journey.coordinates
        self.flow_steps += journey.arrived
        self.fallbacks += not journey.arrived

    def holds_slopes(self, trainable: list[bool]) -> bool:
        """Say whether slopes are kept that were taken with the same parameters trainable."""
        return self.slope_loss is not None and self.trainable == trainable

    @property
    def clipped_share(self) -> float:
        return self.clipped / self.coordinates if self.coordinates else 0.0


def statistics(records: Sequence[Record], *, stacked: bool) -> dict[str, Any]:
    """Return the counters and ``clipped_share`` as numbers, or as tensors [R] if stacked."""
    names = (*COUNTERS, "clipped_share")
    if not stacked:
        return {name: getattr(records[0], name) for name in names}
    dtypes = dict.fromkeys(names, torch.int64) | {"clipped_share": torch.float64}
    return {
        name: torch.tensor([getattr(r, name) for r in records], dtype=dtypes[name])
        for name in names
    }
