"""The default integrator: Euler with the known gradient, adaptive Heun where that is not enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.clip import clip
from flowadam.optim.field import Arrival, Field, Leg, SolverFailure, by_group
from flowadam.optim.flat import FlatField
from flowadam.optim.heun import adaptive_heun, next_factor, scaled_rms
from flowadam.optim.norms import norms_and_gaps, read

Keep = Callable[[Tensor, Tensor], Tensor]


def climb(field: Field, tol: float, keep: Keep | None) -> dict[int, Arrival]:
    """Move every replica of `field` to the end of its flow; failures are left out.

    Rung 1: y1 = y - h q with the known slope q, checked by one evaluation: it stands when the root
    mean square of h/2 (clip(g(y1)) - q) / (tol + tol max(|y|, |y1|)) is at most 1. That evaluation
    is the next step's gradient when the closure is deterministic. Rung 2: adaptive Heun from the
    start, its first step sized by the estimate.

    Args:
        keep: hands the slopes of accepted Euler points on, ``keep(owner, slope)`` being memory
            that the closure does not write to; None drops them.
    """
    replicas = list(field.legs)
    for group, legs in by_group([leg for r in replicas for leg in field.legs[r]]):
        horizon = group["lr"] * group["ode_t_scale"]
        params = [leg.slot.param for leg in legs]
        kernels.add_(params, [leg.slope for leg in legs], alpha=-horizon)
    losses, gradients = field.gradients(replicas)
    errors, arrivals = _euler_errors(field, gradients, losses, tol)
    for r, error, ends in zip(replicas, errors, gradients, strict=True):
        if error <= 1 and keep is not None:
            owners = [leg.slot.owner for leg in field.legs[r]]
            arrivals[r].end_slopes = list(map(keep, owners, ends))
    for r, error in zip(replicas, errors, strict=True):
        if error > 1:
            flow = FlatField(field, r)
            with suppress(SolverFailure):
                y = adaptive_heun(flow, tol, next_factor(error, 1.0))
                arrivals[r] = Arrival(flow.arrive(y))
    return arrivals


def _euler_errors(
    field: Field, gradients: Sequence[Sequence[Tensor]], losses: Sequence[Tensor], tol: float
) -> tuple[list[float], dict[int, Arrival]]:
    """Return the scaled error estimate of every replica, or a bound of it that is at most 1.

    With them the arrivals, should they stand; one host read serves both.
    """
    legs = [leg for own in field.legs.values() for leg in own]
    ends = [end for own in gradients for end in own]
    n, slopes, momenta = len(legs), [leg.slope for leg in legs], [leg.slot.exp_avg for leg in legs]
    found = norms_and_gaps(slopes + momenta, ends, [leg.slot.grad for leg in legs])
    values = read([*found, *losses])
    lengths = list(zip(values[:n], values[n : 2 * n], strict=True))
    arrivals, errors, i = {}, [], 0
    for (r, own), loss, end in zip(field.legs.items(), losses, gradients, strict=True):
        changes = values[2 * n + i : 2 * n + i + len(own)]
        errors.append(_error(own, changes, values[3 * n + len(errors)], end, tol))
        arrivals[r] = Arrival(end_loss=loss, lengths=lengths[i : i + len(own)])
        i += len(own)
    return errors, {r: a for (r, a), e in zip(arrivals.items(), errors, strict=True) if e <= 1}


def _error(
    legs: Sequence[Leg], changes: Sequence[float], loss: float, ends: Sequence[Tensor], tol: float
) -> float:
    bound = _bound(legs, changes, tol)
    if not (math.isfinite(loss) and math.isfinite(bound)):
        return math.inf
    return bound if bound <= 1 else _exact(legs, ends, tol)


def _bound(legs: Sequence[Leg], changes: Sequence[float], tol: float) -> float:
    """Bound the estimate by leaving out clip (which cannot lengthen a difference) and |y|."""
    length = math.hypot(*(leg.horizon / 2 * c for leg, c in zip(legs, changes, strict=True)))
    return length / tol / math.sqrt(_size(legs))


def _exact(legs: Sequence[Leg], ends: Sequence[Tensor], tol: float) -> float:
    squares = 0.0
    slopes = clip(ends, [leg.slot.group for leg in legs])
    for leg, slope in zip(legs, slopes, strict=True):
        bend = leg.horizon / 2 * (slope - leg.slope)
        rms = scaled_rms(bend, leg.start, leg.slot.param, tol)
        squares += rms**2 * leg.start.numel()
    return math.sqrt(squares / _size(legs))


def _size(legs: Sequence[Leg]) -> int:
    return max(sum(leg.start.numel() for leg in legs), 1)
