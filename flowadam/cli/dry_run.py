"""``flowadam sweep --dry-run``: what would run and what it would cost, before it is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from analysis.text import count
from flowadam import probes
from flowadam.cli.folding import folding_table
from flowadam.cost import Pilot, pilots
from flowadam.curve import MARKS
from flowadam.plan import Cell, Group, cells
from flowadam.power import feasibility
from flowadam.spec import OptimizerSpec
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep import Catalog, missing, planned

WINNERS = ("confirm", "timing")
"""Phases whose groups are known once the search has winners."""


def print_plan(study: Study, catalog: Catalog, folder: Path) -> None:
    """Print missing runs by phase, gradients, time and disk by cell; nothing is written."""
    store = Store(folder) if (folder / "study.toml").exists() else None
    mine = cells(study, catalog.tasks)
    left = _left(study, catalog, store)
    found = pilots(study, catalog.tasks, catalog.specs, mine)
    heads = ("task", "optimizer", "budget", *study.phase, "hours")
    table = folding_table(*heads)
    above = ""
    for cell in mine:
        counts = [left[name][cell] for name in study.phase]
        hours = _text(_seconds(cell, left, found))
        task, above = "" if cell.task == above else cell.task, cell.task
        table.add_row(task, cell.optimizer, f"{cell.budget:,}", *map(str, counts), hours)
    console = Console()
    console.print(table)
    for line in (*_totals(study, left, found, mine), *_notes(study, catalog, found)):
        console.print(line, highlight=False, markup=False)
    stored = 0 if store is None else len(store.rows())
    there = f", where {count(stored, 'run')} are stored and stay" if stored else ""
    told = f"Runs are the missing ones. Folder: {folder}{there}. Nothing was run but the pilots."
    console.print(told, highlight=False, markup=False)


def _left(study: Study, catalog: Catalog, store: Store | None) -> dict[str, Counter[Cell]]:
    """Return the runs that are missing by phase and cell; at most, where no winner is known."""
    rows = [] if store is None else store.rows()
    plans = {name: planned(study, catalog, rows, name) for name in study.phase}
    if store is not None:
        plans = {name: missing(study, catalog, store, plan) for name, plan in plans.items()}
    left = {name: _runs(plan) for name, plan in plans.items()}
    begun = {Cell(row["task"], row["optimizer"], row["budget"]) for row in rows}
    mine = set(cells(study, catalog.tasks))
    # Winners are those of the same number of configurations in all cells that have begun.
    unsettled = mine if mine & begun & set(left["search"]) else set(left["search"])
    for name in set(WINNERS) & set(left):
        for cell in unsettled:
            left[name][cell] = _most(study, catalog, cell, name)
    return left


def _most(study: Study, catalog: Catalog, cell: Cell, phase: str) -> int:
    if phase == "timing":
        return study.repeats
    winners = min(study.substudies, study.trials) + 1
    return (winners + contained(catalog.specs[cell.optimizer], study)) * study.confirm_seeds


def _runs(groups: Iterable[Group]) -> Counter[Cell]:
    count: Counter[Cell] = Counter()
    for group in groups:
        count[group.cell] += len(group.seeds)
    return count


def _seconds(cell: Cell, left: dict[str, Counter[Cell]], found: dict[Cell, Pilot]) -> float | None:
    """Return the core seconds of a cell's missing runs, None without a pilot."""
    one = found.get(cell)
    if one is None or one.failed:
        return None
    stacked = left.get("confirm", Counter())[cell]
    alone = sum(count[cell] for name, count in left.items() if name != "confirm")
    return stacked * one.confirm + alone * one.search


def _totals(
    study: Study, left: dict[str, Counter[Cell]], found: dict[Cell, Pilot], mine: list[Cell]
) -> list[str]:
    runs = sum((count for count in left.values()), Counter[Cell]())
    gradients = sum(n * cell.budget for cell, n in runs.items())
    known = [s for cell in mine if (s := _seconds(cell, left, found)) is not None]
    disk = sum(n * found[cell].size for cell, n in runs.items() if cell in found) / 1e6
    unit = "GPU-hours (at one GPU a trial)" if study.device == "cuda" else "core-hours"
    part = "" if len(known) == len(mine) else f", without {len(mine) - len(known)} cells"
    return [
        f"sampler {study.sampler}, selection {study.selection}; {_search(study)}",
        f"At most {sum(runs.values()):,} runs, {gradients:,} gradient evaluations, about "
        f"{_text(sum(known))} {unit} (from pilots of a few gradients{part}), {disk:,.1f} MB.",
    ]


def _search(study: Study) -> str:
    """Say what is searched in a cell, and by how many sub-studies."""
    if not study.trials:
        return "nothing is searched: the default of every cell is confirmed."
    parts = min(study.substudies, study.trials)
    fewer = "" if parts == study.substudies else f" ({study.substudies} would need as many trials)"
    return (
        f"{count(study.trials, 'configuration')} and the default per cell, "
        f"{count(parts, 'sub-study', 'sub-studies')}{fewer}."
    )


def _notes(study: Study, catalog: Catalog, found: dict[Cell, Pilot]) -> list[str]:
    """Say what the study can show, what failed in a pilot, and what probes cost."""
    rivals = len(study.optimizer) - len(study.control) - 1
    notes = feasibility(len(study.task), rivals, study.confirm_seeds)
    if "confirm" not in study.phase:
        notes = ["Without the phase confirm, nothing is compared."]
    notes += [
        f"{cell.optimizer} on {cell.task}: the pilot ended with {p.failed}"
        for cell, p in found.items()
        if p.failed
    ]
    return [*notes, _price(study)] if study.probe else notes


def _text(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds / 3600:.2g}"


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
