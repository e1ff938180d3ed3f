"""What one run leaves behind."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "diverged", "timeout", "error"]


@dataclass(frozen=True)
class CurvePoint:
    """The state of a run after `grad_evals` gradient evaluations.

    Args:
        fraction: the mark of the budget, in (0, 1], that this point answers; 0 is the start.
        loss: training loss at the last outer evaluation, with the penalty; nan at the start.
        val: validation metric.
    """

    fraction: float
    grad_evals: int
    steps: int
    loss: float
    val: float


@dataclass(frozen=True)
class Scores:
    """Metric at the best and at the last point within the budget; None where it was not read."""

    val_best: float | None = None
    val_final: float | None = None
    test_best: float | None = None
    test_final: float | None = None


@dataclass(frozen=True)
class Cost:
    """What the run cost: `seconds` is the group's time over its replicas, memory the group's."""

    grad_evals: int = 0
    steps: int = 0
    seconds: float = 0.0
    peak_mem_mb: float = 0.0


@dataclass(frozen=True)
class Counters:
    """What the optimizer counted itself; zero for optimizers without a flow."""

    flow_steps: int = 0
    field_evals: int = 0


@dataclass(frozen=True)
class Outcome:
    """The record of one run: status, scores, cost, counters and the curve."""

    seed: int
    status: Status
    device: str
    scores: Scores = Scores()
    cost: Cost = Cost()
    counters: Counters = Counters()
    message: str = ""
    curve: tuple[CurvePoint, ...] = field(default=())


def encode(outcomes: list[Outcome]) -> str:
    """Return outcomes as JSON, the form in which they travel from worker to driver."""
    return json.dumps([asdict(outcome) for outcome in outcomes])


def decode(text: str) -> list[Outcome]:
    """Return the outcomes that `encode` wrote."""
    return [_outcome(data) for data in json.loads(text)]


def _outcome(data: dict[str, Any]) -> Outcome:
    nested = {
        "scores": Scores(**data["scores"]),
        "cost": Cost(**data["cost"]),
        "counters": Counters(**data["counters"]),
        "curve": tuple(CurvePoint(**point) for point in data["curve"]),
    }
    return Outcome(**{**data, **nested})
