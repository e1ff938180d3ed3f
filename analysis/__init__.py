"""Store -> frames -> frozen results -> cards -> one HTML file.

`report.build` writes the page of a study's folder, `table` returns what a terminal shows. Every
analysis takes frames and returns a frozen result; figures and cards are made from results alone.
"""

from __future__ import annotations

from analysis.terminal import table

__all__ = ["table"]
