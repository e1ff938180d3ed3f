"""When to leave Adam for the flow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.gradients import Scratch
from flowadam.optim.norms import norms_and_gaps, read
from flowadam.optim.record import Record
from flowadam.optim.slots import Slot

DECAY, GAIN = 0.9, 0.1
WARM_UP = 10
TESTING = ("gradient_norm", "second_moment")
DETECTORS = (*TESTING, "random", "periodic", "never")


class Sight(NamedTuple):
    """What a detector sees of one replica in one step.

    Attributes:
        step: updates made so far.
        grad_norm: n, the norm of the gradient, or of its scale for "second_moment".
        change_norm: c, the norm of its change since the previous step, or that scale.
        grad_ema, change_ema: G and C, running averages that hold n and c already.
    """

    step: int
    grad_norm: float
    change_norm: float
    grad_ema: float = math.nan
    change_ema: float = math.nan


class Verdict(NamedTuple):
    """What was seen, whether the step follows the flow, and which test asked for it."""

    sight: Sight
    flows: bool
    plateau: bool = False
    stiff: bool = False


Detector = Callable[[Sight], bool]


def measure(slots: Sequence[Slot], records: Sequence[Record], name: str) -> dict[int, Sight]:
    """Return what is to be seen of every replica whose gradient is finite, with one host read.

    "gradient_norm" and a detector of the user's: n = |g| and c = |g - g_previous|, each tensor
    compared with the last gradient it had; one that never had any adds nothing. At the first step
    of a replica c = n. "second_moment": n = |sqrt(v)| and c = |sqrt(2 max(v - m^2, 0))| with Adam's
    bias-corrected moments before this step; both nan before the first update. Others need n alone.

    Sets ``Slot.grad_norm``.
    """
    olds = [slot.previous for slot in slots] if remembers(name) else []
    compared = [slot for slot, old in zip(slots, olds, strict=False) if old is not None]
    grads, now = [slot.grad for slot in slots], [slot.grad for slot in compared]
    pending = norms_and_gaps(grads, now, [old for old in olds if old is not None])
    values = read(pending + _spreads(slots) if name == "second_moment" else pending)
    for slot, length in zip(slots, values, strict=False):
        slot.grad_norm = length
    lengths, changes = _sums(slots, values), _sums(compared, values[len(slots) :])
    finite = [r for r, n in lengths.items() if math.isfinite(n)]
    if name == "second_moment":
        scales, spreads = values[len(slots) : -len(slots)], values[-len(slots) :]
        lengths, changes = _sums(slots, scales), _sums(slots, spreads)
    return {r: _sight(records[r].steps, lengths[r], changes.get(r), name) for r in finite}


def judge(
    record: Record, sight: Sight, options: dict[str, Any], custom: Detector | None
) -> Verdict:
    """Decide by the detector named in `options`; the first eleven steps are always Adam's.

    "gradient_norm", "second_moment": flow if n < sigma G (plateau) or c > kappa C (stiffness),
    where G <- 0.9 G + 0.1 n and C <- 0.9 C + 0.1 c hold n and c already and start at them.
    "random": with probability `rate`; "periodic": whenever floor(rate (k + 1)) > floor(rate k).
    """
    grad_ema = _average(record.grad_ema, sight.grad_norm)
    change_ema = _average(record.change_ema, sight.change_norm)
    sight = sight._replace(grad_ema=grad_ema, change_ema=change_ema)
    name, k = options["detector"], record.steps
    if k <= WARM_UP or name == "never":
        return Verdict(sight, False)
    if custom is not None:
        flows = custom(sight)
        if not isinstance(flows, bool):
            raise TypeError(f"A detector function must return True or False, got {flows!r}.")
        return Verdict(sight, flows)
    if name in TESTING:
        plateau = sight.grad_norm < options["switch_sensitivity"] * grad_ema
        stiff = sight.change_norm > options["curvature_sensitivity"] * change_ema
        return Verdict(sight, plateau or stiff, plateau, stiff)
    return Verdict(sight, scheduled(name, options["rate"], options["detector_seed"], k))


def scheduled(name: str, rate: float, seed: int, k: int) -> bool:
    """Say whether "random" or "periodic" flows at step k, a function of the arguments alone."""
    if name == "random":
        return Random(f"{seed} {k}").random() < rate
    return math.floor(rate * (k + 1)) > math.floor(rate * k)


def remembers(name: str) -> bool:
    """Say whether the detector compares gradients with earlier ones."""
    return name in ("gradient_norm", "custom")


def remember(slots: Sequence[Slot], scratch: Scratch | None) -> None:
    """Keep the gradients of this step for the comparison in the next one.

    Args:
        scratch: the gradients are its copies called "grad", to be traded for the older ones; None:
            they are the closure's and are copied.
    """
    older: list[Tensor] = []
    newer: list[Tensor] = []
    for slot in slots:
        if (old := slot.previous) is None:
            slot.previous = slot.grad.clone()
        elif scratch is not None:
            slot.previous = slot.grad
            scratch.trade(slot, "grad", old)
        else:
            older.append(old)
            newer.append(slot.grad)
    if older:
        kernels.copy_(older, newer)


def _spreads(slots: Sequence[Slot]) -> list[Tensor]:
    """Return |sqrt(v)| of every slot, then |sqrt(2 max(v - m^2, 0))|, bias-corrected."""
    scales, spreads = [], []
    for slot in slots:
        beta1, beta2 = slot.group["betas"]
        t = max(slot.updates, 1)
        v = slot.exp_avg_sq / (1 - beta2**t)
        m = slot.exp_avg / (1 - beta1**t)
        scales.append(v.sum().sqrt())
        spreads.append((2 * (v - m.square()).clamp_(min=0).sum()).sqrt())
    return scales + spreads


def _sums(slots: Sequence[Slot], values: Sequence[float]) -> dict[int, float]:
    """Join the norms of slots, the first of `values`, to those of replicas."""
    parts: dict[int, list[float]] = {}
    for slot, value in zip(slots, values, strict=False):
        parts.setdefault(slot.replica, []).append(value)
    return {r: math.hypot(*own) for r, own in parts.items()}


def _sight(step: int, length: float, change: float | None, name: str) -> Sight:
    if step:
        return Sight(step, length, change or 0.0)
    return Sight(0, length, length) if name != "second_moment" else Sight(0, math.nan, math.nan)


def _average(old: float, new: float) -> float:
    if math.isnan(old):
        return new
    return DECAY * old + GAIN * new if not math.isnan(new) else old
