"""What FlowAdam remembers about one replica besides its tensors."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

COUNTERS = ("steps", "flow_steps", "field_evals", "fallbacks")


@dataclass(slots=True)
class Record:
    """Running averages and counters of one replica.

    Attributes:
        steps: updates made, Adam and flow (k of the paper).
        grad_ema: average of the gradient norm (G).
        change_ema: average of the norm of the gradient's change (C).
        flow_steps: updates that followed the flow.
        field_evals: closure evaluations spent inside flows, failed ones included.
        fallbacks: flows whose solver failed, replaced by an Adam update.
        slope_loss: loss that belongs to the slopes kept for the next step, None without any.
        trainable: which parameters of the optimizer required gradients when they were taken.
    """

    steps: int = 0
    grad_ema: float = 0.0
    change_ema: float = 0.0
    flow_steps: int = 0
    field_evals: int = 0
    fallbacks: int = 0
    slope_loss: Tensor | float | None = None
    trainable: list[bool] = field(default_factory=list)

    @property
    def has_slope(self) -> bool:
        return self.slope_loss is not None
