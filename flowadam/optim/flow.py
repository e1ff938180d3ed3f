"""Following the flow with every replica whose detector asks for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import Tensor

from flowadam.optim.evaluation import Evaluation
from flowadam.optim.field import Field, Journey, SolverFailure
from flowadam.optim.flat import FlatField
from flowadam.optim.gradients import HeldGradients, Scratch
from flowadam.optim.ladder import climb, glide
from flowadam.optim.lanes import Lane
from flowadam.optim.ode import solve


def follow(
    lanes: Sequence[Lane],
    flowing: Collection[int],
    params: Sequence[Tensor],
    evaluate: Evaluation,
    scratch: Scratch,
) -> list[Journey]:
    """Move the parameters of the `flowing` replicas to the end of their flow.

    Whatever the closure raises, parameters and gradients are put back before it leaves here. A
    replica whose solver fails stands at its start again. Afterwards ``Lane.grads`` are copies in
    `scratch`, unless no evaluation was needed ("euler").

    Args:
        lanes: all lanes of this step.
        params: all parameters of the optimizer.
        evaluate: the user's closure.
    """
    moving = [lane for lane in lanes if lane.replica in flowing]
    if moving[0].options["ode_method"] == "euler":
        return glide(moving, scratch)
    grads, starts = scratch.copies(("grads", lanes), ("params", moving))
    with HeldGradients(params, lanes, grads) as held:
        field = Field(moving, params, evaluate, starts)
        try:
            _integrate(field, held)
        except BaseException:
            for journey in field.journeys:
                journey.rewind()
            raise
        for journey in field.journeys:
            if not journey.arrived:
                journey.rewind()
    return field.journeys


def _integrate(field: Field, held: HeldGradients) -> None:
    options = field.journeys[0].lane.options
    method, tol, setup = options["ode_method"], options["ode_tol"], options["ode_setup"]
    if method == "ladder":
        climb(field, tol, held.keep if options["deterministic"] else None)
        return
    for journey in field.journeys:
        flow = FlatField(field, journey)
        try:
            flow.arrive(solve(flow, method, tol, setup))
        except SolverFailure:
            continue
