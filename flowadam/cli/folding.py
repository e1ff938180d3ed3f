"""Tables whose cells are never cut."""

from __future__ import annotations

from rich.table import Column, Table


def folding_table(*headers: str) -> Table:
    """Return an empty table that breaks long words, such as names with options, over lines.

    Rich cuts them by default, and two tasks that differ in their options look alike.
    """
    return Table(*(Column(header, overflow="fold") for header in headers))
