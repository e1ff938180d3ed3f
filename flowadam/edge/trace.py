"""Registered optimizers on the same problems, with the probes that show them at the edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from flowadam.audit.fresh import AuditTask
from flowadam.edge.problems import task_name
from flowadam.edge.studies import Extent
from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.sweep import Catalog
from flowadam.task import Task

DEFAULT = ("adam", "flowadam", "vradam", "dualadam")
PROBES = ("preconditioned_sharpness", "effective_rate", "update_norm", "triggers", "mixing_weight")
RATE_OF = "adam"
"""The method at whose usual rate all of them run."""


def make_trace_study(problem: str, names: Sequence[str], extent: Extent) -> Study:
    """Return the study that traces optimizers on a problem, without a search, in float64."""
    return Study(
        task=(task_name(problem),),
        optimizer=tuple(names),
        name=f"trace, {problem}",
        trials=0,
        seeds=extent.seeds,
        phase=("search",),
        budget=extent.steps,
        selection="final",
        dtype="float64",
        probe=PROBES,
        search_blocks=(1,) * extent.seeds,
    )


def make_trace_catalog(
    task: Task, names: Sequence[str], spec: Callable[[str], OptimizerSpec], lr: float
) -> Catalog:
    """Return the task, charged by steps, and the optimizers' defaults at one rate, no penalty."""
    specs = {name: _at_rate(spec(name), lr) for name in names}
    return Catalog({task.name: AuditTask(task, fresh=False, charged="steps")}, specs)


def _at_rate(own: OptimizerSpec, lr: float) -> OptimizerSpec:
    fixed = {"opt.lr": lr, "task.penalty": 0.0}
    return replace(own, space=Space(()), defaults={**own.defaults, **fixed}, includes=())
