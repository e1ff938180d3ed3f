"""When to leave Adam for the flow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice
from random import Random
from typing import Any, NamedTuple

from torch import Tensor

from flowadam.optim import kernels
from flowadam.optim.gradients import Scratch
from flowadam.optim.lanes import Lane
from flowadam.optim.norms import norms_and_gaps, read
from flowadam.optim.record import Record

DECAY, GAIN = 0.9, 0.1
WARM_UP = 10
TESTING = ("gradient_norm", "second_moment")
DETECTORS = (*TESTING, "random", "periodic", "never")
UNSEEN = (math.nan, math.nan)


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
    grad_ema: float
    change_ema: float


class Verdict(NamedTuple):
    """What was seen, whether the step follows the flow, and which test asked for it."""

    sight: Sight
    flows: bool
    plateau: bool = False
    stiff: bool = False


Detector = Callable[[Sight], bool]
Pairs = tuple[list[Tensor], list[Tensor]]


def measure(lanes: Sequence[Lane], records: Sequence[Record], name: str) -> dict[int, Sight]:
    """Return what is to be seen of every replica whose gradient is finite, with one host read.

    "gradient_norm" and a detector of the user's: n = |g| and c = |g - g_previous|, each tensor
    compared with the last gradient it had; one that never had any adds nothing. At the first step
    of a replica c = n. "second_moment": n = |sqrt(v)| and c = |sqrt(2 max(v - m^2, 0))| with Adam's
    bias-corrected moments before this step; both nan before the first update. Others need n alone.

    Sets ``Lane.lengths`` where they are not known already.
    """
    fresh = [lane for lane in lanes if lane.lengths is None]
    pairs = [_compared(lane) if remembers(name) else ([], []) for lane in fresh]
    scales = _scales(lanes) if name == "second_moment" else []
    values = iter(_read(fresh, pairs, scales) if fresh else ())
    for lane in fresh:
        lane.lengths = list(islice(values, len(lane.grads)))
    for lane, (news, _) in zip(fresh, pairs, strict=True):
        lane.changes = list(islice(values, len(news)))
    sights: dict[int, Sight] = {}
    for lane in lanes:
        record, length = records[lane.replica], math.hypot(*(lane.lengths or ()))
        seen = length, math.hypot(*lane.changes) if record.steps else length
        if scales:
            own = list(islice(values, 2 * len(lane.grads)))
            seen = (math.hypot(*own[::2]), math.hypot(*own[1::2])) if record.steps else UNSEEN
        if math.isfinite(length):
            sights[lane.replica] = _sight(record, *seen)
    return sights


def judge(
    record: Record, sight: Sight, options: dict[str, Any], custom: Detector | None
) -> Verdict:
    """Decide by the detector named in `options`; the first eleven steps are always Adam's.

    "gradient_norm", "second_moment": flow if n < sigma G (plateau) or c > kappa C (stiffness),
    where G <- 0.9 G + 0.1 n and C <- 0.9 C + 0.1 c hold n and c already and start at them.
    "random": with probability `rate`; "periodic": whenever floor(rate (k + 1)) > floor(rate k).
    """
    name, k = options["detector"], record.steps
    if k <= WARM_UP or name == "never":
        return Verdict(sight, False)
    if custom is not None:
        flows = custom(sight)
        if not isinstance(flows, bool):
            raise TypeError(f"A detector function must return True or False, got {flows!r}.")
        return Verdict(sight, flows)
    if name in TESTING:
        plateau = sight.grad_norm < options["switch_sensitivity"] * sight.grad_ema
        stiff = sight.change_norm > options["curvature_sensitivity"] * sight.change_ema
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


def remember(lanes: Sequence[Lane], scratch: Scratch | None) -> None:
    """Keep the gradients of this step for the comparison in the next one.

    Args:
        scratch: the gradients are its copies, to be traded for the older ones; None: they are the
            closure's and are copied.
    """
    older: list[Tensor] = []
    newer: list[Tensor] = []
    for lane in lanes:
        for i, (grad, old) in enumerate(zip(lane.grads, lane.previous, strict=True)):
            if old is not None and scratch is None:
                older.append(old)
                newer.append(grad)
                continue
            lane.states[i]["grad_prev"][lane.replica] = grad.clone() if old is None else grad
            if scratch is not None and old is not None:
                scratch.trade(lane, i, old)
    if older:
        kernels.copy_(older, newer)


def _read(lanes: Sequence[Lane], pairs: Sequence[Pairs], others: list[Tensor]) -> list[float]:
    """Return the norms of all gradients, then of the differences of all pairs, then `others`."""
    grads = [grad for lane in lanes for grad in lane.grads]
    news, olds = [new for own, _ in pairs for new in own], [old for _, own in pairs for old in own]
    return read(norms_and_gaps(grads, news, olds) + others)


def _compared(lane: Lane) -> Pairs:
    """Return the gradients that have earlier ones, and these."""
    olds = [old for old in lane.previous if old is not None]
    if len(olds) == len(lane.grads):
        return lane.grads, olds
    found = zip(lane.grads, lane.previous, strict=True)
    return [new for new, old in found if old is not None], olds


def _scales(lanes: Sequence[Lane]) -> list[Tensor]:
    """Return |sqrt(v)| and |sqrt(2 max(v - m^2, 0))| of every tensor, bias-corrected."""
    pending: list[Tensor] = []
    for lane in lanes:
        columns = zip(lane.groups, lane.updates, lane.exp_avgs, lane.exp_avg_sqs, strict=True)
        for group, t, m, v in columns:
            beta1, beta2 = group["betas"]
            v, m = v / (1 - beta2 ** max(t, 1)), m / (1 - beta1 ** max(t, 1))
            pending += [v.sum().sqrt(), (2 * (v - m.square()).clamp_(min=0).sum()).sqrt()]
    return pending


def _sight(record: Record, length: float, change: float) -> Sight:
    grad_ema = _average(record.grad_ema, length)
    return Sight(record.steps, length, change, grad_ema, _average(record.change_ema, change))


def _average(old: float, new: float) -> float:
    if math.isnan(old):
        return new
    return DECAY * old + GAIN * new if not math.isnan(new) else old
