"""Containers that lose to an optimizer they contain: too few trials for their knobs."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.baselines import inclusions
from analysis.confirmed import Confirmed, confirmed
from analysis.frames import Arena, Frames
from analysis.intervals import Estimate, mean_interval


@dataclass(frozen=True)
class UnderTuned:
    """A container whose tuned result is worse than that of an optimizer it contains.

    Args:
        gap: container minus contained, over the common confirm seeds; its interval is above 0.
        knobs: parameters that the container has and the contained optimizer has not.
    """

    arena: Arena
    container: str
    contained: str
    gap: Estimate
    knobs: int


def under_tuned(frames: Frames, arena: Arena) -> list[UnderTuned]:
    """Return the containers that lose beyond the 95 % interval over seeds.

    A setting of the container equals the contained optimizer, so the best of the container cannot
    be worse: its search was too short for its knobs. Which optimizer contains which is read from
    the inclusion runs.
    """
    results = {r.cell.optimizer: r for r in confirmed(frames, arena)}
    known = {(i.container, i.other): i.knobs for i in inclusions(frames, arena)}
    found: list[UnderTuned] = []
    for (container, contained), knobs in known.items():
        gap = _gap(results.get(container), results.get(contained or ""))
        if contained and gap and gap.low is not None and gap.low > 0:
            found.append(UnderTuned(arena, container, contained, gap, knobs))
    return found


def _gap(whole: Confirmed | None, part: Confirmed | None) -> Estimate | None:
    if whole is None or part is None:
        return None
    common = sorted(set(whole.by_seed) & set(part.by_seed))
    return mean_interval([whole.by_seed[s] - part.by_seed[s] for s in common]) if common else None
