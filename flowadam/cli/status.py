"""``flowadam status``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console

from flowadam.cli.catalog import stored_catalog
from flowadam.cli.folders import open_study
from flowadam.cli.folding import folding_table
from flowadam.plan import Cell, Group, cells
from flowadam.rows import Row
from flowadam.study import Study
from flowadam.sweep import missing, planned


def show_status(folder: Path) -> None:
    """Print, per cell, runs done and missing by phase, and how runs ended.

    A phase whose runs are not known yet, as no search has elected a winner, is a dash.
    No plugin runs: what the plan needs of foreign tasks and optimizers stands in the ledger.
    """
    store = open_study(folder)
    study = store.study
    catalog = stored_catalog(store)
    rows = store.rows()
    plans = {name: planned(study, catalog, rows, name) for name in study.phase}
    left = {name: missing(study, catalog, store, groups) for name, groups in plans.items()}
    table = folding_table("task", "optimizer", *study.phase, "ended")
    above = ""
    for cell in cells(study, catalog.tasks):
        cell_rows = [
            row
            for row in rows
            if (row["task"], row["optimizer"], row["budget"])
            == (cell.task, cell.optimizer, cell.budget)
        ]
        counts = (_count(plans[name], left[name], cell) for name in plans)
        task = _label(study, cell)
        table.add_row("" if task == above else task, cell.optimizer, *counts, _ended(cell_rows))
        above = task
    console = Console()
    console.print(table)
    for row in rows:
        if row["status"] in ("error", "timeout"):
            console.print(f"{row['key']} {row['status']}: {row['message']}", markup=False)


def _label(study: Study, cell: Cell) -> str:
    several = len(study.budgets(cell.task) or ()) > 1
    return f"{cell.task} at {cell.budget:,}" if several else cell.task


def _count(planned: list[Group], left: list[Group], cell: Cell) -> str:
    total, gone = (sum(len(g.seeds) for g in x if g.cell == cell) for x in (planned, left))
    return f"{total - gone}/{total}" if total else "-"


def _ended(rows: list[Row]) -> str:
    counts = Counter(row["status"] for row in rows)
    return ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
