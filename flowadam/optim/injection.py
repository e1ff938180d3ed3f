"""What a flow step leaves in the momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.field import Leg
from flowadam.optim.norms import norms, read
from flowadam.optim.record import Record
from flowadam.optim.slots import Slot

CAP = 5.0


class Velocity(NamedTuple):
    """w = factor * direction; kept apart, so that no tensor of the product is formed.

    Attributes:
        lengths: norms of `direction` and of the momentum, where they are known.
    """

    slot: Slot
    factor: float
    direction: Tensor
    lengths: tuple[float, float] | None = None


def velocity(leg: Leg, moved: Tensor | None, lengths: tuple[float, float] | None) -> Velocity:
    """Return w = -displacement / lr: the sign of a gradient, ode_t_scale times its scale.

    The option `velocity` says how: "slope" exactly, "difference" from the parameters before and
    after in their dtype, which cancels most digits in float32. With lr = 0 both mean the limit
    ode_t_scale * clip(g).

    Args:
        moved: exact displacement; None after an Euler step, where w = ode_t_scale * clip(g).
        lengths: norms of `Leg.slope` and of the momentum, where they are known.
    """
    slot = leg.slot
    lr, option = slot.group["lr"], slot.group["velocity"]
    if lr == 0 or (option == "slope" and moved is None):
        return Velocity(slot, slot.group["ode_t_scale"], leg.slope, lengths)
    if option == "difference" or moved is None:
        return Velocity(slot, 1.0, (leg.start - slot.param) / lr)
    return Velocity(slot, 1.0, (moved / -lr).to(leg.start.dtype))


def inject(velocities: Sequence[Velocity], records: Sequence[Record]) -> None:
    """Blend the velocity w of the flow into the momentum m of every tensor.

    soft: m <- (1 - gamma) m + gamma q w, q = 1, or q = 5|m| / (|w| + 1e-8) if |w| > 5|m|.
    hard: m <- w. none: m stays. A tensor that Adam has not updated yet has no momentum and is
    left alone, as are second moments and step counters.
    """
    moving = [v for v in velocities if v.slot.updates > 0]
    rule = moving[0].slot.group["injection"] if moving else "none"
    if rule == "none":
        return
    if rule == "hard":
        for v in moving:
            v.slot.exp_avg.copy_(v.direction).mul_(v.factor)
        return
    alike: dict[tuple[float, float], list[Velocity]] = {}
    for v, q in zip(moving, _cap_factors(moving), strict=True):
        records[v.slot.replica].capped_injections += q < 1
        gamma = v.slot.group["momentum_blend_gamma"]
        alike.setdefault((1 - gamma, gamma * q * v.factor), []).append(v)
    for (keep, gain), some in alike.items():
        momenta = [v.slot.exp_avg for v in some]
        kernels.mul_(momenta, keep)
        kernels.add_(momenta, [v.direction for v in some], alpha=gain)


def _cap_factors(velocities: Sequence[Velocity]) -> list[float]:
    lengths = [v.lengths for v in velocities]
    if None in lengths:
        directions = [v.direction for v in velocities]
        found = read(norms([*directions, *(v.slot.exp_avg for v in velocities)]))
        lengths = list(zip(found[: len(directions)], found[len(directions) :], strict=True))
    pairs = zip(velocities, lengths, strict=True)
    return [_cap(v.factor * pair[0], pair[1]) for v, pair in pairs if pair is not None]


def _cap(speed: float, momentum: float) -> float:
    return CAP * momentum / (speed + 1e-8) if speed > CAP * momentum else 1.0
