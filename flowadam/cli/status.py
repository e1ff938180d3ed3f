"""``flowadam status``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flowadam.cli.catalog import stored_catalog
from flowadam.plan import Cell, Group, cells, confirm_plan, inclusion_plan, search_plan
from flowadam.rows import Row
from flowadam.store import Store
from flowadam.sweep import missing
from flowadam.winners import winners


def show_status(folder: Path) -> None:
    """Print, per cell, runs done and missing by phase, and how runs ended.

    No plugin runs: what the plan needs of foreign tasks and optimizers stands in the ledger.
    """
    store = Store(folder.resolve())
    study = store.study
    catalog = stored_catalog(store)
    rows = store.rows()
    found = winners(study, rows)
    planned = {
        "search": list(search_plan(study, catalog.tasks)),
        "confirm": [
            *confirm_plan(study, found),
            *inclusion_plan(study, catalog.specs, found),
        ],
    }
    left = {name: missing(study, catalog, store, groups) for name, groups in planned.items()}
    table = Table("task", "optimizer", "search", "confirm", "ended")
    for cell in cells(study, catalog.tasks):
        cell_rows = [
            row
            for row in rows
            if (row["task"], row["optimizer"], row["budget"])
            == (cell.task, cell.optimizer, cell.budget)
        ]
        counts = (_count(planned[name], left[name], cell) for name in planned)
        table.add_row(cell.task, cell.optimizer, *counts, _ended(cell_rows))
    console = Console()
    console.print(table)
    for row in rows:
        if row["status"] in ("error", "timeout"):
            console.print(f"{row['key']} {row['status']}: {row['message']}", markup=False)


def _count(planned: list[Group], left: list[Group], cell: Cell) -> str:
    total, gone = (sum(len(g.seeds) for g in x if g.cell == cell) for x in (planned, left))
    return f"{total - gone}/{total}"


def _ended(rows: list[Row]) -> str:
    counts = Counter(row["status"] for row in rows)
    return ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
