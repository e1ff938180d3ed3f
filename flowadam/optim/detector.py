"""When to leave Adam for the flow: the gradient is small, or it changes fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from flowadam.optim.norms import differences, norms, read
from flowadam.optim.record import Record
from flowadam.optim.slots import Slot

DECAY, GAIN = 0.9, 0.1
WARM_UP = 10


class Sight(NamedTuple):
    """Norms of the gradient (n) and of its change since the previous step (c)."""

    grad_norm: float
    change_norm: float


class Verdict(NamedTuple):
    """The averages after this step, and whether the step should follow the flow."""

    grad_ema: float
    change_ema: float
    flows: bool


def measure(slots: Sequence[Slot], records: Sequence[Record]) -> dict[int, Sight]:
    """Return n and c of every replica whose gradient is finite, with one host read.

    Each tensor is compared with the last gradient it had; one that never had any adds nothing to
    c. At the first step of a replica c = n. Sets ``Slot.grad_norm``.
    """
    pairs = [(slot, old) for slot in slots if (old := slot.previous) is not None]
    moved = differences([slot.grad for slot, _ in pairs], [old for _, old in pairs])
    values = read(norms([slot.grad for slot in slots] + moved))
    lengths: dict[int, list[float]] = {slot.replica: [] for slot in slots}
    changes: dict[int, list[float]] = {slot.replica: [] for slot in slots}
    for slot, length in zip(slots, values, strict=False):
        slot.grad_norm = length
        lengths[slot.replica].append(length)
    for (slot, _), change in zip(pairs, values[len(slots) :], strict=True):
        changes[slot.replica].append(change)
    sights = {}
    for r, parts in lengths.items():
        n = math.hypot(*parts)
        sights[r] = Sight(n, math.hypot(*changes[r]) if records[r].steps else n)
    return {r: sight for r, sight in sights.items() if math.isfinite(sight.grad_norm)}


def judge(record: Record, sight: Sight, sigma: float, kappa: float) -> Verdict:
    """Flow if n < sigma G or c > kappa C, where G and C already hold n and c.

    G <- 0.9 G + 0.1 n and C <- 0.9 C + 0.1 c, starting at n and c. The first eleven steps are
    Adam's whatever the norms.
    """
    if record.steps == 0:
        return Verdict(sight.grad_norm, sight.change_norm, False)
    grad_ema = DECAY * record.grad_ema + GAIN * sight.grad_norm
    change_ema = DECAY * record.change_ema + GAIN * sight.change_norm
    plateau = sight.grad_norm < sigma * grad_ema
    stiff = sight.change_norm > kappa * change_ema
    return Verdict(grad_ema, change_ema, (plateau or stiff) and record.steps > WARM_UP)


def remember(slots: Sequence[Slot], *, own: bool) -> None:
    """Keep the gradients of this step for the comparison in the next one.

    Args:
        own: the gradients are copies that nobody else holds.
    """
    for slot in slots:
        if own:
            slot.previous = slot.grad
        elif slot.previous is None:
            slot.previous = slot.grad.clone()
        else:
            slot.previous.copy_(slot.grad)
