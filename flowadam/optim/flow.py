"""Following the flow with every replica whose detector asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from flowadam.optim.evaluation import Evaluation
from flowadam.optim.field import Arrival, Field, SolverFailure
from flowadam.optim.flat import FlatField
from flowadam.optim.injection import inject, velocity
from flowadam.optim.ladder import climb
from flowadam.optim.ode import solve
from flowadam.optim.slots import Slot, kept_gradients


def follow(
    slots: Sequence[Slot],
    flowing: Sequence[int],
    params: Sequence[Tensor],
    evaluate: Evaluation,
) -> tuple[Field, dict[int, Arrival]]:
    """Move the parameters of the `flowing` replicas to the end of their flow.

    A replica whose solver fails stands at its start again and is not among the arrivals. Whatever
    the closure raises, parameters and gradients are put back before it leaves here.

    Args:
        slots: all slots of this step.
        params: all parameters of the optimizer.
        evaluate: the user's closure.

    Returns:
        The field, with its counts of evaluations, and the arrivals by replica.
    """
    with kept_gradients(params, slots):
        field = Field([s for s in slots if s.replica in flowing], params, evaluate)
        try:
            arrivals = _integrate(field)
        except BaseException:
            field.rewind(list(field.legs))
            raise
        field.rewind([r for r in field.legs if r not in arrivals])
    return field, arrivals


def blend(field: Field, arrivals: dict[int, Arrival]) -> None:
    """Inject the velocities of all arrivals into their momentum."""
    for r, arrival in arrivals.items():
        legs = field.legs[r]
        options = legs[0].slot.group
        moved = arrival.moved or [None] * len(legs)
        speeds = [
            velocity(leg, m, options["velocity"]) for leg, m in zip(legs, moved, strict=True)
        ]
        inject(legs, speeds, options["injection"])


def _integrate(field: Field) -> dict[int, Arrival]:
    options = next(iter(field.legs.values()))[0].slot.group
    method, tol = options["ode_method"], options["ode_tol"]
    if method == "ladder":
        return climb(field, tol)
    arrivals = {}
    for r in field.legs:
        flow = FlatField(field, r)
        try:
            arrivals[r] = Arrival(flow.arrive(solve(flow, method, tol)))
        except SolverFailure:
            continue
    return arrivals
