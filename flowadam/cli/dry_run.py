"""``flowadam sweep --dry-run``: what would run, before anything is spent."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from flowadam import probes
from flowadam.curve import MARKS
from flowadam.plan import cells, search_plan
from flowadam.spec import OptimizerSpec
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep import Catalog, missing


def print_plan(study: Study, catalog: Catalog, folder: Path) -> None:
    """Print runs and gradient evaluations by cell; nothing is written."""
    store = Store(folder) if (folder / "study.toml").exists() else None
    groups = list(search_plan(study, catalog.tasks))
    todo = groups if store is None else missing(study, catalog, store, groups)
    confirm = (min(study.substudies, study.trials) + 1) * study.confirm_seeds
    table = Table("task", "optimizer", "budget", "search runs", "missing", "confirm runs")
    gradients = 0
    for cell in cells(study, catalog.tasks):
        runs = sum(len(g.seeds) for g in groups if g.cell == cell)
        left = sum(len(g.seeds) for g in todo if g.cell == cell)
        extra = study.confirm_seeds * contained(catalog.specs[cell.optimizer], study)
        gradients += (left + confirm + extra) * cell.budget
        counts = (str(n) for n in (cell.budget, runs, left, confirm + extra))
        table.add_row(cell.task, cell.optimizer, *counts)
    console = Console()
    console.print(table)
    console.print(
        f"sampler {study.sampler}, selection {study.selection}, {study.trials} configurations and "
        f"the default per cell, {min(study.substudies, study.trials)} sub-studies. "
        f"At most {gradients:,} gradient evaluations. Folder: {folder}. Nothing was run."
    )
    if study.probe:
        console.print(_price(study))


def _price(study: Study) -> str:
    """Say what the probes of a study cost a run, apart from its budget."""
    chosen = [probes.get(name) for name in study.probe]
    marks = MARKS + 1
    usual = marks * sum(p.usual_evals for p in chosen)
    most = marks * sum(p.most_evals for p in chosen)
    losses = marks * sum(p.loss_evals for p in chosen)
    return (
        f"Probes {', '.join(study.probe)}: beyond the budget a run takes usually {usual:,} and at "
        f"most {most:,} gradients and Hessian-vector products, and {losses:,} losses."
    )


def contained(spec: OptimizerSpec, study: Study) -> int:
    """Return how many of the study's optimizers `spec` contains: an extra confirmed row each."""
    return sum(inclusion.other in study.optimizer for inclusion in spec.includes)
