"""Following the flow with every replica whose detector asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from flowadam.optim.evaluation import Evaluation
from flowadam.optim.field import Arrival, Field, Leg, SolverFailure
from flowadam.optim.flat import FlatField
from flowadam.optim.gradients import HeldGradients, Scratch
from flowadam.optim.injection import Velocity, inject, velocity
from flowadam.optim.ladder import climb
from flowadam.optim.ode import solve
from flowadam.optim.record import Record
from flowadam.optim.slots import Slot


@dataclass(slots=True)
class Journey:
    """One replica's flow.

    Attributes:
        evals: closure evaluations it took.
        clipped: coordinates that the clip changed in the first slope.
        arrival: None when the solver failed and the replica stands at its start again.
    """

    legs: list[Leg]
    evals: int
    clipped: int
    arrival: Arrival | None

    @property
    def coordinates(self) -> int:
        return sum(leg.start.numel() for leg in self.legs)


def follow(
    slots: Sequence[Slot],
    flowing: Sequence[int],
    params: Sequence[Tensor],
    evaluate: Evaluation,
    scratch: Scratch,
) -> dict[int, Journey]:
    """Move the parameters of the `flowing` replicas to the end of their flow.

    Whatever the closure raises, parameters and gradients are put back before it leaves here.
    Afterwards ``Slot.grad`` is a copy in `scratch`, called "grad".

    Args:
        slots: all slots of this step.
        params: all parameters of the optimizer.
        evaluate: the user's closure.
    """
    with HeldGradients(params, slots, scratch) as held:
        field = Field([s for s in slots if s.replica in flowing], params, evaluate, scratch)
        try:
            arrivals = _integrate(field, held)
        except BaseException:
            field.rewind(flowing)
            raise
        field.rewind([r for r in flowing if r not in arrivals])
    return {
        r: Journey(field.legs[r], field.evals[r], field.clipped[r], arrivals.get(r))
        for r in flowing
    }


def blend(journeys: Iterable[Journey], records: Sequence[Record]) -> None:
    """Inject the velocities of all journeys that arrived into the momenta."""
    velocities: list[Velocity] = []
    for journey in journeys:
        if journey.arrival is None:
            continue
        nothing = [None] * len(journey.legs)
        moved, lengths = journey.arrival.moved or nothing, journey.arrival.lengths or nothing
        velocities += map(velocity, journey.legs, moved, lengths)
    inject(velocities, records)


def _integrate(field: Field, held: HeldGradients) -> dict[int, Arrival]:
    options = next(iter(field.legs.values()))[0].slot.group
    method, tol, setup = options["ode_method"], options["ode_tol"], options["ode_setup"]
    if method == "ladder":
        return climb(field, tol, held.keep if options["deterministic"] else None)
    arrivals = {}
    for r in field.legs:
        flow = FlatField(field, r)
        try:
            arrivals[r] = Arrival(flow.arrive(solve(flow, method, tol, setup)))
        except SolverFailure:
            continue
    return arrivals
