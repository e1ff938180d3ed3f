"""How wide a table may be."""

from __future__ import annotations

from rich.console import Console


def columns(wide: int) -> int:
    """Return the columns of the terminal; `wide` where there is none, as in a file or a pipe."""
    console = Console()
    return console.width if console.is_terminal else wide
