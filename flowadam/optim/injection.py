"""What a flow step leaves in the momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from flowadam.optim.field import Leg
from flowadam.optim.norms import norms, read
from flowadam.optim.record import Record
from flowadam.optim.slots import Slot

CAP = 5.0


class Velocity(NamedTuple):
    """w = factor * direction; kept apart, so that no tensor of the product is formed."""

    slot: Slot
    factor: float
    direction: Tensor


def velocity(leg: Leg, moved: Tensor | None) -> Velocity:
    """Return w = -displacement / lr: the sign of a gradient, ode_t_scale times its scale.

    The option `velocity` says how: "slope" exactly, "difference" from the parameters before and
    after in their dtype, which cancels most digits in float32. With lr = 0 both mean the limit
    ode_t_scale * clip(g).

    Args:
        moved: exact displacement; None after an Euler step, where w = ode_t_scale * clip(g).
    """
    slot = leg.slot
    lr, option = slot.group["lr"], slot.group["velocity"]
    if lr == 0 or (option == "slope" and moved is None):
        return Velocity(slot, slot.group["ode_t_scale"], leg.slope)
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
    if not moving or moving[0].slot.group["injection"] == "none":
        return
    momenta = [v.slot.row(v.slot.state["exp_avg"]) for v in moving]
    if moving[0].slot.group["injection"] == "hard":
        for v, m in zip(moving, momenta, strict=True):
            m.copy_(v.direction).mul_(v.factor)
        return
    for v, m, q in zip(moving, momenta, _cap_factors(moving, momenta), strict=True):
        gamma = v.slot.group["momentum_blend_gamma"]
        records[v.slot.replica].capped_injections += q < 1
        m.mul_(1 - gamma).add_(v.direction, alpha=gamma * q * v.factor)


def _cap_factors(velocities: Sequence[Velocity], momenta: Sequence[Tensor]) -> list[float]:
    lengths = read(norms([*(v.direction for v in velocities), *momenta]))
    speeds = [v.factor * w for v, w in zip(velocities, lengths, strict=False)]
    return [
        CAP * m / (w + 1e-8) if w > CAP * m else 1.0
        for w, m in zip(speeds, lengths[len(speeds) :], strict=True)
    ]
