"""``flowadam check``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import typer

import search_spaces
import trainables
from flowadam.contract import CheckResult, run_checks
from flowadam.errors import require_known
from flowadam.spec import OptimizerSpec
from flowadam.task import Task

_MARKS = {"ok": "ok    ", "failed": "FAILED", "exempt": "exempt"}


def check_name(name: str) -> None:
    """Run the contract suite of one optimizer or task; exit 1 when a check fails."""
    require_known("name", name, [*search_spaces.names(), *trainables.names()])
    for result in (results := list(_results(name))):
        typer.echo(f"{_MARKS[result.status]} {result.name}  {result.message}".rstrip())
    if any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def _results(name: str) -> Iterator[CheckResult]:
    """Run the subject's own checks, then every pair that it is part of."""
    tasks = {task.name: task for task in trainables.all_tasks()}
    if name in tasks:
        yield from run_checks("task", tasks[name], search_spaces.get("adam"))
        for spec in search_spaces.all_specs().values():
            yield from _pair(spec, tasks[name], spec.name)
    else:
        spec = search_spaces.get(name)
        yield from run_checks("optimizer", spec)
        for task in tasks.values():
            yield from _pair(spec, task, task.name)


def _pair(spec: OptimizerSpec, task: Task, other: str) -> Iterator[CheckResult]:
    for result in run_checks("pair", spec, task):
        yield replace(result, name=f"{result.name} with {other}")
