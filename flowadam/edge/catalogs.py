"""Who runs in a problem's study: methods with flows beside them, or registered optimizers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from flowadam.audit.fresh import AuditTask
from flowadam.rodflow.tracker import Tracker
from flowadam.space import Space
from flowadam.spec import OptimizerSpec
from flowadam.sweep import Catalog
from flowadam.task import Task

SOURCE = "Regis and Chewi 2026 (arXiv 2602.01480, 2605.06821), with flows beside the method"
TRACED = ("adam", "flowadam", "vradam", "dualadam")
PROBES = ("preconditioned_sharpness", "effective_rate", "update_norm", "triggers", "mixing_weight")
RATE_OF = "adam"
"""The method at whose usual rate all registered optimizers run."""


def tracked(task: Task, rates: Mapping[str, float]) -> Catalog:
    """Return the task, charged by steps, and a tracker for every method at its rate."""
    return _charged(task, [tracker(name, lr) for name, lr in rates.items()])


def traced(task: Task, specs: Iterable[OptimizerSpec], lr: float) -> Catalog:
    """Return the task, charged by steps, and the optimizers' defaults at one rate, no penalty."""
    fixed = {"opt.lr": lr, "task.penalty": 0.0}
    none = Space(())
    return _charged(
        task,
        [replace(s, space=none, defaults={**s.defaults, **fixed}, includes=()) for s in specs],
    )


def tracker(name: str, lr: float) -> OptimizerSpec:
    """Return a method with flows beside it as an optimizer without anything to search."""
    return OptimizerSpec(
        name=name,
        factory=Tracker,
        space=Space(()),
        defaults={"opt.method": name, "opt.lr": lr},
        source=SOURCE,
        stacking="split",
        extra_cost=80.0,
    )


def _charged(task: Task, specs: Iterable[OptimizerSpec]) -> Catalog:
    charged = AuditTask(task, fresh=False, charged="steps")
    return Catalog({task.name: charged}, {spec.name: spec for spec in specs})
