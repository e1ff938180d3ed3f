"""Following the flow with every replica whose detector asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from flowadam.optim.evaluation import Evaluation
from flowadam.optim.field import Arrival, Field, Leg, SolverFailure
from flowadam.optim.flat import FlatField
from flowadam.optim.injection import inject, velocity
from flowadam.optim.ladder import climb
from flowadam.optim.ode import solve
from flowadam.optim.slots import Slot, kept_gradients


@dataclass(slots=True)
class Journey:
    """One replica's flow.

    Attributes:
        evals: closure evaluations it took.
        arrival: None when the solver failed and the replica stands at its start again.
    """

    legs: list[Leg]
    evals: int
    arrival: Arrival | None


def follow(
    slots: Sequence[Slot],
    flowing: Sequence[int],
    params: Sequence[Tensor],
    evaluate: Evaluation,
) -> dict[int, Journey]:
    """Move the parameters of the `flowing` replicas to the end of their flow.

    Whatever the closure raises, parameters and gradients are put back before it leaves here.

    Args:
        slots: all slots of this step.
        params: all parameters of the optimizer.
        evaluate: the user's closure.
    """
    with kept_gradients(params, slots):
        field = Field([s for s in slots if s.replica in flowing], params, evaluate)
        try:
            arrivals = _integrate(field)
        except BaseException:
            field.rewind(flowing)
            raise
        field.rewind([r for r in flowing if r not in arrivals])
    return {r: Journey(field.legs[r], field.evals[r], arrivals.get(r)) for r in flowing}


def blend(journeys: Iterable[Journey]) -> None:
    """Inject the velocities of all journeys that arrived into the momenta."""
    legs: list[Leg] = []
    speeds: list[Tensor] = []
    for journey in journeys:
        if journey.arrival is None:
            continue
        moved = journey.arrival.moved or [None] * len(journey.legs)
        for leg, way in zip(journey.legs, moved, strict=True):
            legs.append(leg)
            speeds.append(velocity(leg, way, leg.slot.group["velocity"]))
    if legs:
        inject(legs, speeds)


def _integrate(field: Field) -> dict[int, Arrival]:
    options = next(iter(field.legs.values()))[0].slot.group
    method, tol = options["ode_method"], options["ode_tol"]
    if method == "ladder":
        return climb(field, tol, keep_slopes=options["deterministic"])
    arrivals = {}
    for r in field.legs:
        flow = FlatField(field, r)
        try:
            arrivals[r] = Arrival(flow.arrive(solve(flow, method, tol)))
        except SolverFailure:
            continue
    return arrivals
