"""``flowadam tasks`` and ``flowadam optimizers``."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

import search_spaces
import trainables


def list_tasks() -> None:
    """Print name, default budget and one line for every task."""
    table = Table("task", "metric", "budget", "what it is")
    for task in trainables.all_tasks():
        table.add_row(task.name, task.metric, str(task.budget), task.summary)
    Console().print(table)


def list_optimizers() -> None:
    """Print every optimizer's source, and each parameter's range with its source."""
    console = Console()
    for name, spec in search_spaces.all_specs().items():
        console.print(f"[bold]{name}[/bold]  {spec.source}", highlight=False)
        table = Table("parameter", "range", "default", "source of the range")
        for p in spec.space:
            table.add_row(p.name, p.range_text(), f"{spec.defaults[p.name]}", p.source)
        console.print(table)
        for check, reason in spec.exempt.items():
            console.print(f"exempt from {check}: {reason}", markup=False)
