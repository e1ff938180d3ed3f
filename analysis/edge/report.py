"""Rod flow studies as a page, as a table on the terminal and as Parquet."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.edge.card import HEAD, edge_card, row, sentences
from analysis.edge.ratios import Ratio, ratios
from analysis.edge.runs import TrackedRun
from analysis.report import page
from analysis.text import WIDE, count, fitted
from flowadam.durable import write_atomic

Runs = Mapping[str, Sequence[TrackedRun]]
"""By the name of the problem."""


def write_page(path: Path, runs: Runs) -> None:
    """Write the page, whole or not at all."""
    cards = [edge_card(problem, mine) for problem, mine in runs.items() if mine]
    total = sum(len(mine) for mine in runs.values())
    line = f"{count(total, 'run')} on {count(len(cards), 'problem')}"
    write_atomic(path, page("Rod flow", line, cards))


def write_parquet(path: Path, runs: Runs) -> None:
    """Write every ratio as a row: problem, task, optimizer, flow, lr, mean, low, high, n, ..."""
    rows = [{"problem": name, **_flat(r)} for name, mine in runs.items() for r in ratios(mine)]
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer, index=False)
    write_atomic(path, buffer.getvalue())


def text(runs: Runs, width: int = WIDE) -> str:
    """Return the tables of all problems as plain text, each with its verdict.

    Args:
        width: where a table is wider, its rows become lists; sentences are at most 100 wide.
    """
    lines: list[str] = []
    for problem, mine in ((problem, mine) for problem, mine in runs.items() if mine):
        lines += ["", problem, *_table(mine, width)]
        for sentence in sentences(ratios(mine)):
            lines += textwrap.wrap(sentence, min(width, 100), subsequent_indent="  ")
    return "\n".join(lines).strip("\n")


def _table(runs: Sequence[TrackedRun], width: int) -> list[str]:
    found = ratios(runs)
    names = dict.fromkeys(run.optimizer for run in runs)
    rows: list[tuple[str, ...]] = [HEAD]
    for name in names:
        mine = [run for run in runs if run.optimizer == name]
        rows.append(row(mine, [r for r in found if r.optimizer == name]))
    return fitted(rows, width)


def _flat(ratio: Ratio) -> dict[str, Any]:
    table = asdict(ratio)
    value = table.pop("value") or {"mean": None, "low": None, "high": None, "n": 0}
    table["endings"] = "; ".join(f"seed {seed}: {how}" for seed, how in table["endings"])
    return table | value | {"worse": list(table["worse"])}
