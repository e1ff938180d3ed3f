"""The diagonal P by which an optimizer divides: theta <- theta - lr P^-1 (momentum).

    Adam, AdamW, NAdam, VRAdam   q = sqrt(v / (1 - beta2^t)) + eps
    RAdam      (sqrt(v) + eps) / sqrt(1 - beta2^t) over the rectification; 1 before it sets in
    RMSprop    sqrt(v) + eps; centered: sqrt(v - g_mean^2) + eps
    AdaBelief  sqrt(s / (1 - beta2^t)) + eps
    AdaHessian (d / (1 - beta2^t))^(hessian_power / 2) + eps, d its average of squared diagonals
    FlowAdam   as eps_placement says: (sqrt(v) + eps) / sqrt(1 - beta2^t), or q; with
               precond_power p < 1 and r = q - eps: (r + eps)^p (S + eps)^(1-p) + eps
    InvAdam    1 / q
    DualAdam   1 / (alpha q + (1 - alpha) / q)
    SGD        1

A wrapper such as Lookahead has the P of what it wraps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from flowadam.probes.seats import Seat, optimizer_of, seats
from flowadam.stacking import Stepper

Rule = Callable[[Sequence[Seat]], list[Tensor]]


def preconditioner(stepper: Stepper, params: Sequence[Tensor], r: int) -> Tensor | None:
    """Return P of replica r as one positive vector [d] like the parameters.

    None where the optimizer has no such diagonal, or none before its first step.

    Raises:
        NoReading: the optimizer keeps something else than its class says.
    """
    rule = _rule(optimizer_of(stepper, r))
    if rule is None:
        return None
    own = seats(stepper, params, r)
    if rule is not _ONE and not all(seat.state for seat in own):
        return None
    return torch.cat(rule(own)).to(params[0])


def _rule(optimizer: object) -> Rule | None:
    """Return the rule of the nearest known class that the optimizer is derived from."""
    for kind in type(optimizer).__mro__:
        name = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
        if name in _RULES:
            return _RULES[name]
    return None


def _one(seat: Seat) -> Tensor:
    return torch.ones(seat.size, dtype=torch.float64)


def _adam(seat: Seat) -> Tensor:
    name = "max_exp_avg_sq" if "max_exp_avg_sq" in seat.state else "exp_avg_sq"
    return _root(seat, name, float(seat.state["step"]))


def _invadam(seat: Seat) -> Tensor:
    return 1 / _adam(seat)


def _dualadam(seat: Seat) -> Tensor:
    q, alpha = _adam(seat), seat.optimizer.mixing_weight()[seat.number]
    return 1 / (alpha * q + (1 - alpha) / q)


def _radam(seat: Seat) -> Tensor:
    beta2, t = seat.group["betas"][1], float(seat.state["step"])
    limit = 2 / (1 - beta2) - 1
    rho = limit - 2 * t * beta2**t / (1 - beta2**t)
    if rho <= 5:
        return _one(seat)
    share = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
    # eps stands beside the uncorrected root in torch's RAdam.
    return _published(seat, t) / math.sqrt(share)


def _rmsprop(seat: Seat) -> Tensor:
    mean = seat.kept("square_avg")
    if seat.group["centered"]:
        mean = mean - seat.kept("grad_avg").square()
    return mean.clamp(min=0).sqrt() + seat.option("eps")


def _adabelief(seat: Seat) -> Tensor:
    return _root(seat, "exp_avg_var", float(seat.group["step"]))


def _adahessian(seat: Seat) -> Tensor:
    squares = seat.kept("exp_hessian_diag_sq") / (
        1 - seat.group["betas"][1] ** float(seat.group["step"])
    )
    return squares ** (seat.option("hessian_power") / 2) + seat.option("eps")


def _flowadam(own: Sequence[Seat]) -> list[Tensor]:
    options = own[0].group
    counts = [float(seat.state["step"][seat.row or 0]) for seat in own]
    if options["precond_power"] < 1:
        return _dialed(own, counts)
    if options["eps_placement"] == "published":
        return [_published(seat, t) for seat, t in zip(own, counts, strict=True)]
    return [_root(seat, "exp_avg_sq", t) for seat, t in zip(own, counts, strict=True)]


def _dialed(own: Sequence[Seat], counts: Sequence[float]) -> list[Tensor]:
    """Return (r + eps)^p (S + eps)^(1-p) + eps, S one number for all tensors."""
    p, eps = own[0].option("precond_power"), [seat.option("eps") for seat in own]
    shifted = [_root(seat, "exp_avg_sq", t) for seat, t in zip(own, counts, strict=True)]
    if own[0].group["precond_scalar"] == "rms":
        roots = torch.cat([q - e for q, e in zip(shifted, eps, strict=True)])
        scalar = roots.square().mean().sqrt()
    else:
        scalar = torch.cat(shifted).log().mean().exp()
    pairs = zip(shifted, eps, strict=True)
    return [q**p * (scalar + e) ** (1 - p) + e for q, e in pairs]


def _root(seat: Seat, name: str, t: float) -> Tensor:
    """Return ``sqrt(v / (1 - beta2^t)) + eps``."""
    return (seat.kept(name) / (1 - seat.group["betas"][1] ** t)).sqrt() + seat.option("eps")


def _published(seat: Seat, t: float) -> Tensor:
    """Return ``(sqrt(v) + eps) / sqrt(1 - beta2^t)``."""
    correction = math.sqrt(1 - seat.group["betas"][1] ** t)
    return (seat.kept("exp_avg_sq").sqrt() + seat.option("eps")) / correction


def _each(entry: Callable[[Seat], Tensor]) -> Rule:
    """Return the rule that takes every parameter by itself."""
    return lambda own: [entry(seat) for seat in own]


_ONE = _each(_one)
_RULES: dict[str, Rule] = {
    "torch.Adam": _each(_adam),
    "torch.NAdam": _each(_adam),
    "torch.RAdam": _each(_radam),
    "torch.RMSprop": _each(_rmsprop),
    "torch.SGD": _ONE,
    "pytorch_optimizer.AdaBelief": _each(_adabelief),
    "pytorch_optimizer.AdaHessian": _each(_adahessian),
    "flowadam.FlowAdam": _flowadam,
    "flowadam.VRAdam": _each(_adam),
    "flowadam.InvAdam": _each(_invadam),
    "flowadam.DualAdam": _each(_dualadam),
}
