"""``flowadam tasks`` and ``flowadam optimizers``."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import search_spaces
import trainables
from flowadam.spec import OptimizerSpec


def list_tasks() -> None:
    """Print name, default budget and one line for every task."""
    table = Table("task", "metric", "budget", "what it is")
    for task in trainables.all_tasks():
        table.add_row(task.name, task.metric, str(task.budget), task.summary)
    Console().print(table)


def list_optimizers(name: str | None = None) -> None:
    """Print every optimizer with its number of knobs and source, or the space of one."""
    if name is not None:
        _show_space(search_spaces.get(name))
        return
    table = Table("optimizer", "knobs", "where it comes from")
    for spec in search_spaces.all_specs().values():
        table.add_row(spec.name, str(len(spec.space)), spec.source)
    console = Console()
    console.print(table)
    console.print("`flowadam optimizers NAME` shows a search space and the source of every range.")


def _show_space(spec: OptimizerSpec) -> None:
    console = Console(highlight=False)
    console.print(f"{spec.name}: {spec.source}", markup=False)
    for p in spec.space:
        console.print(
            f"\n{p.name}  {p.range_text()}  default {spec.defaults[p.name]}", markup=False
        )
        console.print(Padding(Text(p.source), (0, 0, 0, 4)))
    for check, reason in spec.exempt.items():
        console.print(f"\nexempt from the check {check}: {reason}", markup=False)
