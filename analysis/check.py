"""One check of a comparison's health, and the words its finding is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowadam.plan import Cell


@dataclass(frozen=True)
class Check:
    """One fact about the comparison; `fine` is False where a reader should look."""

    name: str
    fine: bool
    finding: str


def name_of(cell: Cell) -> str:
    """Name a cell."""
    return f"{cell.optimizer} on {cell.task}"


def listed(items: Iterable[str], most: int = 6) -> str:
    """List the first items and count the rest."""
    every = list(items)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
