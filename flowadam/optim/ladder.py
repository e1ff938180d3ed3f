"""The default integrator: Euler with the known gradient, adaptive Heun where that is not enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.clip import clip
from flowadam.optim.evaluation import own
from flowadam.optim.field import Field, Journey, Slopes, SolverFailure, depart
from flowadam.optim.flat import FlatField
from flowadam.optim.gradients import Scratch
from flowadam.optim.heun import adaptive_heun, next_factor, scaled_rms
from flowadam.optim.lanes import Lane
from flowadam.optim.norms import norms_and_gaps, read

Keep = Callable[[Sequence[Tensor]], list[Tensor]]


def climb(field: Field, tol: float, keep: Keep | None) -> None:
    """Move every replica of `field` to the end of its flow, as far as that is possible.

    Rung 1: y1 = y - h q with the known slope q, checked by one evaluation: it stands when the root
    mean square of h/2 (clip(g(y1)) - q) / (tol + tol max(|y|, |y1|)) is at most 1. That evaluation
    is the next step's gradient when the closure is deterministic. Rung 2: adaptive Heun from the
    start, its first step sized by the estimate.

    Args:
        keep: hands the slopes of accepted Euler points on, as memory that the closure does not
            write to; None drops them.
    """
    _euler(field.journeys)
    losses, ends = field.gradients(field.journeys)
    found = [Slopes(own, [], [], loss) for own, loss in zip(ends, losses, strict=True)]
    _measure(field.journeys, found, keeping=keep is not None)
    pairs = zip(field.journeys, found, strict=True)
    errors = [_error(journey, slopes, tol) for journey, slopes in pairs]
    for journey, slopes, error in zip(field.journeys, found, errors, strict=True):
        journey.arrived = error <= 1
        if journey.arrived and keep is not None:
            slopes.tensors, slopes.loss = keep(slopes.tensors), own(slopes.loss)
            journey.kept = slopes
    for journey, error in zip(field.journeys, errors, strict=True):
        if not journey.arrived:
            flow = FlatField(field, journey)
            with suppress(SolverFailure):
                flow.arrive(adaptive_heun(flow, tol, next_factor(error, 1.0)))


def glide(lanes: Sequence[Lane], scratch: Scratch) -> list[Journey]:
    """Take the first rung, y1 = y - h q, without the check and so without an evaluation.

    With ``moves=False`` the parameters stay where they are.
    """
    # Nobody asks for the start but a velocity formed from it.
    kept = lanes[0].options["velocity"] == "difference"
    starts = scratch.copies(("params", lanes))[0] if kept else [lane.params for lane in lanes]
    journeys = depart(lanes, starts)
    for journey in journeys:
        journey.arrived, journey.speeds = True, journey.known_speeds()
    if lanes[0].options.get("moves", True):  # states saved before the option existed lack it
        _euler(journeys)
    return journeys


def _euler(journeys: Sequence[Journey]) -> None:
    for group, part in journeys[0].lane.parts:
        params = [p for journey in journeys for p in journey.lane.params[part]]
        slopes = [slope for journey in journeys for slope in journey.slopes[part]]
        kernels.add_(params, slopes, alpha=-group["lr"] * group["ode_t_scale"])


def _measure(journeys: Sequence[Journey], found: Sequence[Slopes], keeping: bool) -> None:
    """Set the norms that the check, the injection and the next step need, with one host read."""
    lanes = [journey.lane for journey in journeys]
    ends = [end for slopes in found for end in slopes.tensors]
    grads = [grad for lane in lanes for grad in lane.grads]
    firsts = [slope for journey in journeys for slope in journey.slopes]
    clipped = [slope for slope, grad in zip(firsts, grads, strict=True) if slope is not grad]
    momenta = [m for lane in lanes for m in lane.exp_avgs]
    lengths = norms_and_gaps([*clipped, *momenta, *(ends if keeping else ())], ends, grads)
    values = iter(read(lengths))
    for journey in journeys:
        journey.speeds = [next(values) if s is None else s for s in journey.known_speeds()]
    for journey in journeys:
        journey.paces = list(islice(values, len(journey.slopes)))
    for slopes in found if keeping else ():
        slopes.lengths = list(islice(values, len(slopes.tensors)))
    for slopes in found:
        slopes.changes = list(islice(values, len(slopes.tensors)))


def _error(journey: Journey, found: Slopes, tol: float) -> float:
    """Return the scaled error estimate, or a bound of it that is at most 1.

    The loss has no say: processes that share gradients have each a loss of their own, and must
    take the same decisions.
    """
    bound = _bound(journey, found.changes, tol)
    if not math.isfinite(bound):
        return math.inf
    return bound if bound <= 1 else _exact(journey, found.tensors, tol)


def _bound(journey: Journey, changes: Sequence[float], tol: float) -> float:
    """Bound the estimate by leaving out clip (which cannot lengthen a difference) and |y|."""
    pairs = zip(journey.horizons, changes, strict=True)
    length = math.hypot(*[horizon / 2 * change for horizon, change in pairs])
    return length / tol / math.sqrt(_size(journey))


def _exact(journey: Journey, ends: Sequence[Tensor], tol: float) -> float:
    squares, lane = 0.0, journey.lane
    slopes = clip(ends, lane.groups)
    columns = (journey.horizons, slopes, journey.slopes, journey.starts, lane.params)
    for horizon, slope, first, start, param in zip(*columns, strict=True):
        rms = scaled_rms(horizon / 2 * (slope - first), start, param, tol)
        squares += rms**2 * start.numel()
    return math.sqrt(squares / _size(journey))


def _size(journey: Journey) -> int:
    return max(journey.coordinates, 1)
