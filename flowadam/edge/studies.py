"""Studies of a problem near the edge of stability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flowadam.edge.problems import task_name
from flowadam.errors import InputError
from flowadam.study import Study


@dataclass(frozen=True)
class Extent:
    """How much is run.

    Args:
        seeds: starts of every method.
        steps: optimizer steps of a run, from near the edge.
        scale: factor of the usual rates.

    Raises:
        InputError: no seed, fewer than 4 steps, or a scale that is no positive finite number.
    """

    seeds: int = 5
    steps: int = 200
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("steps", 4)):
            if getattr(self, name) < least:
                raise InputError(f"`{name}` must be at least {least}, got {getattr(self, name)}.")
        if not 0 < self.scale < math.inf:
            raise InputError(f"`scale` must be a positive finite number, got {self.scale}.")


def make_study(
    kind: str, problem: str, names: Sequence[str], probes: Sequence[str], extent: Extent
) -> Study:
    """Return a study of what its optimizers are, without a search: one block a seed, in float64.

    Args:
        kind: what the study does, the first part of its name.
    """
    return Study(
        task=(task_name(problem),),
        optimizer=tuple(names),
        name=f"{kind}, {problem}",
        trials=0,
        seeds=extent.seeds,
        phase=("search",),
        budget=extent.steps,
        selection="final",
        dtype="float64",
        probe=tuple(probes),
        search_blocks=(1,) * extent.seeds,
    )
