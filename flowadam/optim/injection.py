"""What a flow step leaves in the momentum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.field import Journey
from flowadam.optim.lanes import Options
from flowadam.optim.norms import norms, read
from flowadam.optim.record import Record

CAP = 5.0


class Velocity(NamedTuple):
    """w = factor * direction of one tensor; kept apart, so that no tensor of the product is formed.

    Attributes:
        speed: norm of `direction`, None where it is not known yet.
        pace: norm of the momentum, likewise.
    """

    replica: int
    group: Options
    momentum: Tensor
    factor: float
    direction: Tensor
    speed: float | None = None
    pace: float | None = None


def inject(journeys: Iterable[Journey], records: Sequence[Record]) -> None:
    """Blend the velocity w of the flow into the momentum m of every tensor.

    soft: m <- (1 - gamma) m + gamma q w, q = 1, or q = 5|m| / (|w| + 1e-8) if |w| > 5|m|.
    hard: m <- w. damped: m <- (1 - gamma) m. none: m stays. A tensor that Adam has not updated yet
    has no momentum and is left alone, as are second moments and step counters. Journeys that did
    not arrive are passed over.
    """
    velocities = [v for journey in journeys if journey.arrived for v in _velocities(journey)]
    rule = velocities[0].group["injection"] if velocities else "none"
    if rule == "none":
        return
    if rule == "hard":
        for v in velocities:
            v.momentum.copy_(v.direction).mul_(v.factor)
        return
    if rule == "damped":
        for v in velocities:
            v.momentum.mul_(1 - v.group["momentum_blend_gamma"])
        return
    kept: dict[float, list[Tensor]] = {}
    gains: dict[float, list[Velocity]] = {}
    for v, q in zip(velocities, _cap_factors(velocities), strict=True):
        gamma = v.group["momentum_blend_gamma"]
        records[v.replica].capped_injections += q < 1
        kept.setdefault(1 - gamma, []).append(v.momentum)
        gains.setdefault(gamma * q * v.factor, []).append(v)
    for share, momenta in kept.items():
        kernels.scale_(momenta, share)
    for gain, some in gains.items():
        kernels.add_([v.momentum for v in some], [v.direction for v in some], alpha=gain)


def _velocities(journey: Journey) -> list[Velocity]:
    """Return w = -displacement / lr of every tensor that has a momentum.

    The option `velocity` says how: "slope" exactly, "difference" from the parameters before and
    after in their dtype, which cancels most digits in float32. With lr = 0 both mean the limit
    ode_t_scale * clip(g), which is exact after an Euler step too.
    """
    lane, found = journey.lane, []
    nothing = [None] * len(lane.params)
    speeds, paces = journey.speeds or nothing, journey.paces or nothing
    for i, (group, updates) in enumerate(zip(lane.groups, lane.updates, strict=True)):
        if not updates:
            continue
        lr, speed = group["lr"], None
        if lr == 0 or (group["velocity"] == "slope" and journey.moved is None):
            factor, direction, speed = group["ode_t_scale"], journey.slopes[i], speeds[i]
        elif group["velocity"] == "difference" or journey.moved is None:
            factor, direction = 1.0, (journey.starts[i] - lane.params[i]) / lr
        else:
            factor, direction = 1.0, (journey.moved[i] / -lr).to(lane.params[i].dtype)
        own = lane.replica, group, lane.exp_avgs[i], factor, direction
        found.append(Velocity(*own, speed, paces[i]))
    return found


def _cap_factors(velocities: Sequence[Velocity]) -> list[float]:
    unknown = [v.direction for v in velocities if v.speed is None]
    unknown += [v.momentum for v in velocities if v.pace is None]
    values = iter(read(norms(unknown)) if unknown else ())
    speeds = [next(values) if v.speed is None else v.speed for v in velocities]
    paces = [next(values) if v.pace is None else v.pace for v in velocities]
    return [_cap(v.factor * s, m) for v, s, m in zip(velocities, speeds, paces, strict=True)]


def _cap(speed: float, momentum: float) -> float:
    return CAP * momentum / (speed + 1e-8) if speed > CAP * momentum else 1.0
