"""What one run leaves behind."""

from __future__ import annotations

import json
import math
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
        seconds: time in optimizer steps so far, the group's over its replicas; evaluations of
            metrics and probes are not in it. nan in rows of an earlier version.
    """

    fraction: float
    grad_evals: int
    steps: int
    loss: float
    val: float
    seconds: float = field(default=math.nan, compare=False, repr=False)


@dataclass(frozen=True)
class ProbePoint:
    """What a probe read at one mark of a run.

    Args:
        fraction, grad_evals: those of the curve point.
        value: nan where the probe is not defined (no message) or failed (with one).
        error: standard error over the probe's own random draws, else nan.
        evals: gradients and Hessian-vector products that the reading took.
        loss_evals: losses without gradient that it took.
    """

    probe: str
    fraction: float
    grad_evals: int
    value: float
    error: float
    evals: int
    loss_evals: int
    message: str


@dataclass(frozen=True)
class Scores:
    """Metric at the best and at the last point within the budget; None where it was not read."""

    val_best: float | None = None
    val_final: float | None = None
    test_best: float | None = None
    test_final: float | None = None


@dataclass(frozen=True)
class Cost:
    """What the run cost: `seconds` is the group's time over its replicas, memory the group's.

    Probes stand apart in all but the memory: gradients and Hessian-vector products `probe_evals`,
    losses `probe_loss_evals`, time `probe_seconds`, none of which is in the numbers before.
    """

    grad_evals: int = 0
    steps: int = 0
    seconds: float = 0.0
    peak_mem_mb: float = 0.0
    probe_evals: int = 0
    probe_loss_evals: int = 0
    probe_seconds: float = 0.0


@dataclass(frozen=True)
class Counters:
    """What the optimizer counted itself, ``FlowAdam.flow_stats``; zero for those without a flow."""

    flow_steps: int = 0
    field_evals: int = 0
    fallbacks: int = 0
    plateau_triggers: int = 0
    stiffness_triggers: int = 0
    capped_injections: int = 0
    clipped_share: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """The record of one run: status, scores, cost, counters, the curve and what probes read."""

    seed: int
    status: Status
    device: str
    scores: Scores = Scores()
    cost: Cost = Cost()
    counters: Counters = Counters()
    message: str = ""
    curve: tuple[CurvePoint, ...] = field(default=())
    probes: tuple[ProbePoint, ...] = field(default=())


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
        "probes": tuple(ProbePoint(**point) for point in data["probes"]),
    }
    return Outcome(**{**data, **nested})
