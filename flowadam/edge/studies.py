"""From a problem to a study: every method at its rate, charged by steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowadam.audit.fresh import AuditTask
from flowadam.edge.problems import task_name
from flowadam.errors import InputError
from flowadam.probes import TRACKING
from flowadam.rodflow.tracker import Tracker
from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.sweep import Catalog
from flowadam.task import Task

SOURCE = "Regis and Chewi 2026 (arXiv 2602.01480, 2605.06821), with flows beside the method"


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
    steps: int = 240
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("steps", 4)):
            if getattr(self, name) < least:
                raise InputError(f"`{name}` must be at least {least}, got {getattr(self, name)}.")
        if not 0 < self.scale < math.inf:
            raise InputError(f"`scale` must be a positive finite number, got {self.scale}.")


def make_study(problem: str, names: Sequence[str], extent: Extent) -> Study:
    """Return the study of a problem: one block a seed, in float64, every reading a probe."""
    return Study(
        task=(task_name(problem),),
        optimizer=tuple(names),
        name=f"rod flow, {problem}",
        trials=0,
        seeds=extent.seeds,
        phase=("search",),
        budget=extent.steps,
        selection="final",
        dtype="float64",
        probe=TRACKING,
        search_blocks=(1,) * extent.seeds,
    )


def make_catalog(task: Task, rates: Mapping[str, float], extent: Extent) -> Catalog:
    """Return the task, charged by steps, and a tracker for every method."""
    charged = AuditTask(task, fresh=False, charged="steps")
    specs = {name: make_spec(name, lr * extent.scale) for name, lr in rates.items()}
    return Catalog({task.name: charged}, specs)


def make_spec(name: str, lr: float) -> OptimizerSpec:
    """Return a tracker of one method as an optimizer without anything to search."""
    return OptimizerSpec(
        name=name,
        factory=Tracker,
        space=Space(()),
        defaults={"opt.method": name, "opt.lr": lr},
        source=SOURCE,
        stacking="split",
        extra_cost=80.0,
    )
