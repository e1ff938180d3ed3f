"""Tables whose cells are never cut."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table


def folding_table(*headers: str) -> Table:
    """Return an empty table that breaks long words, such as names with options, over lines.

    Rich cuts them by default, and two tasks that differ in their options look alike. Without lines
    between columns usual names fit into 80.
    """
    columns = (Column(header, overflow="fold") for header in headers)
    return Table(*columns, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), expand=False)
