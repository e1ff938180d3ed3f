"""What a flow step leaves in the momentum."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.field import Leg
from flowadam.optim.norms import norms, read

CAP = 5.0


def inject(legs: Sequence[Leg], velocities: Sequence[Tensor]) -> None:
    """Blend the velocity w of the flow into the momentum m of every tensor.

    soft: m <- (1 - gamma) m + gamma q w, q = 1, or q = 5|m| / (|w| + 1e-8) if |w| > 5|m|.
    hard: m <- w. none: m stays. A tensor that Adam has not updated yet has no momentum and is
    left alone, as are second moments and step counters.
    """
    rule = legs[0].slot.group["injection"]
    pairs = [(leg, w) for leg, w in zip(legs, velocities, strict=True) if _has_momentum(leg)]
    if rule == "none" or not pairs:
        return
    moments = [leg.slot.row(leg.slot.state["exp_avg"]) for leg, _ in pairs]
    moves = [w for _, w in pairs]
    if rule == "hard":
        kernels.copy_(moments, moves)
        return
    for (leg, w), m, q in zip(pairs, moments, _cap_factors(moments, moves), strict=True):
        m.lerp_(w if q == 1 else w * q, leg.slot.group["momentum_blend_gamma"])


def velocity(leg: Leg, moved: Tensor | None, option: str) -> Tensor:
    """Return w = -displacement / lr: the sign of a gradient, ode_t_scale times its scale.

    Args:
        moved: exact displacement; None after an Euler step, where w = ode_t_scale * clip(g).
        option: "slope" for the exact w, "difference" to form it from the parameters before and
            after in their dtype, which cancels most digits in float32.

    With lr = 0 both mean the limit ode_t_scale * clip(g).
    """
    lr = leg.slot.group["lr"]
    if lr == 0 or (option == "slope" and moved is None):
        return leg.slope * leg.slot.group["ode_t_scale"]
    if option == "difference" or moved is None:
        return (leg.start - leg.slot.param) / lr
    return (moved / -lr).to(leg.start.dtype)


def _has_momentum(leg: Leg) -> bool:
    return leg.slot.state["step"][leg.slot.replica] > 0


def _cap_factors(moments: Sequence[Tensor], velocities: Sequence[Tensor]) -> list[float]:
    lengths = read(norms([*velocities, *moments]))
    n = len(moments)
    return [
        CAP * m / (w + 1e-8) if w > CAP * m else 1.0
        for w, m in zip(lengths[:n], lengths[n:], strict=True)
    ]
