"""Flows measured on a recorded problem."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowadam.rodflow.alternating import AlternatingRod
from flowadam.rodflow.flows import Flow
from flowadam.rodflow.follower import Follower
from flowadam.rodflow.matrix import MatrixRod
from flowadam.rodflow.recorded import Recorded
from flowadam.rodflow.stable import StableFlow
from flowadam.rodflow.threshold import eos_threshold
from flowadam.rodflow.tracking import Trail

AGREEMENT = 1e-12
"""What the first two steps may differ by."""

MAX_RATIO = {"hb": 0.6}
OTHER_RATIO = 0.25
"""Largest error of the alternating rod over that of the stable flow. Heavy ball goes through the
edge in bursts that move the center within a few steps."""


@dataclass(frozen=True)
class Verification:
    """What was measured on a recorded problem.

    Args:
        disagreement: of the first two steps.
        threshold: S* as computed.
        errors: mean distance after the onset, by label; inf where a flow ended on the way.
        trails: by label.
    """

    recorded: Recorded
    disagreement: float
    threshold: float
    errors: Mapping[str, float]
    trails: Mapping[str, Trail]

    @property
    def ratio(self) -> float:
        """The alternating rod's error over the stable flow's, the smaller of measured and stored.

        A stable flow that fails here cannot make the rod look good.
        """
        stable, rod = StableFlow.label, self.errors[AlternatingRod.label]
        found = [self.errors[stable], self.recorded.errors[stable]]
        known = [error for error in found if math.isfinite(error)]
        return math.inf if math.isinf(rod) else rod / min(known, default=math.inf)

    def holds(self, max_ratio: float | None = None) -> bool:
        """Whether the first two steps agree to 1e-12 and the ratio is at most `max_ratio`.

        Args:
            max_ratio: default 0.6 for hb, whose bursts move the center, and 0.25 for the others.
        """
        limit = usual_ratio(self.recorded) if max_ratio is None else max_ratio
        return self.disagreement <= AGREEMENT and self.ratio <= limit


def usual_ratio(recorded: Recorded) -> float:
    """Return the ratio that is asked of an optimizer without a wish."""
    return MAX_RATIO.get(recorded.method.optimizer.name, OTHER_RATIO)


def flows_of(recorded: Recorded) -> list[Flow[Any]]:
    """Return the flows whose errors a file keeps; rank 3 of the matrix rod always."""
    ranks = [r for r in (1, 3) if r == 3 or MatrixRod(rank=r).label in recorded.errors]
    # The stored ones were corrected by differences, which float64 can afford.
    matrix = [MatrixRod(rank=r, correction="difference") for r in ranks]
    return [StableFlow(), *matrix, AlternatingRod()]


def verify(recorded: Recorded, flows: Sequence[Flow[Any]] | None = None) -> Verification:
    """Follow the recorded iterates from t = 1 with every flow.

    Args:
        flows: default ``flows_of``; the stable flow and the alternating rod must be among them.
    """
    trails = [measured(recorded, flow) for flow in flows or flows_of(recorded)]
    times = [t for t in recorded.middles if t >= recorded.onset]
    errors = {}
    for trail in trails:
        late = [trail.errors[list(recorded.middles).index(t)] for t in times]
        whole = all(map(math.isfinite, late))
        errors[trail.label] = math.fsum(late) / len(late) if whole else math.inf
    return Verification(
        recorded,
        recorded.disagreement,
        eos_threshold(recorded.method),
        errors,
        {trail.label: trail for trail in trails},
    )


def measured(recorded: Recorded, flow: Flow[Any]) -> Trail:
    """Return the trail of one flow; its errors are at the recorded times alone."""
    follower = Follower(flow, recorded.method, recorded.loss, recorded.states)
    for t in range(1, max(recorded.middles) + 1):
        follower.step(recorded.middles.get(t))
    return follower.trail()
