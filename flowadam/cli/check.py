"""``flowadam check``."""

from __future__ import annotations

import typer

import search_spaces
import trainables
from flowadam.contract import CheckResult, run_checks
from flowadam.errors import require_known

_MARKS = {"ok": "ok    ", "failed": "FAILED", "exempt": "exempt"}


def check_name(name: str) -> None:
    """Run the contract suite of one optimizer or task; exit 1 when a check fails."""
    require_known("name", name, [*search_spaces.names(), *trainables.names()])
    results: list[CheckResult] = []
    if name in search_spaces.names():
        results += run_checks("optimizer", search_spaces.get(name))
    else:
        task = next(t for t in trainables.all_tasks() if t.name == name)
        results += run_checks("task", task, search_spaces.get("adam"))
    for result in results:
        typer.echo(f"{_MARKS[result.status]} {result.name}  {result.message}".rstrip())
    if any(result.status == "failed" for result in results):
        raise typer.Exit(1)
