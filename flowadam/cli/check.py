"""``flowadam check``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import typer

import search_spaces
from flowadam.cli.registry import Registry
from flowadam.cli.task_names import split_name
from flowadam.contract import CheckResult, run_checks
from flowadam.errors import InputError, require_known
from flowadam.installed import KINDS, installed
from flowadam.spec import OptimizerSpec
from flowadam.task import Task

_MARKS = {"ok": "ok     ", "failed": "FAILED ", "exempt": "exempt ", "skipped": "skipped"}


def check_name(name: str, plugins: Sequence[Path] = ()) -> None:
    """Run the contract suite of one optimizer or task; exit 1 when a check fails."""
    registry = Registry(plugins)
    subject = _subject(name, registry)
    failed = False
    for result in _results(name, subject, registry):
        typer.echo(f"{_MARKS[result.status]} {result.name}  {result.message}".rstrip())
        failed |= result.status == "failed"
    if failed:
        raise typer.Exit(1)


def _subject(name: str, registry: Registry) -> OptimizerSpec | Task:
    """Return what has the name; one of an installed package is looked for last."""
    tasks, packages = registry.all_tasks(), {one.name: one for k in KINDS for one in installed(k)}
    if name in tasks:
        return tasks[name]
    if split_name(name)[1]:
        return registry.task(name)
    require_known("name", name, [*registry.names("optimizer"), *tasks, *packages])
    if name in registry.names("optimizer") or packages[name].kind == "optimizer":
        return registry.spec(name)
    return registry.task(name)


def _results(name: str, subject: OptimizerSpec | Task, registry: Registry) -> Iterator[CheckResult]:
    """Run the subject's own checks, then every pair that it is part of."""
    if isinstance(subject, OptimizerSpec):
        yield from run_checks("optimizer", subject)
        for task in registry.all_tasks().values():
            yield from _pair(subject, task, task.name)
    else:
        yield from run_checks("task", subject, search_spaces.get("adam"))
        for spec in registry.all_specs().values():
            yield from _pair(spec, subject, spec.name)
    if name in (*registry.specs, *registry.tasks):
        yield _arrival(subject, registry)


def _arrival(subject: OptimizerSpec | Task, registry: Registry) -> CheckResult:
    """Check that a worker, which has no such file, gets the subject out of a pickle."""
    from flowadam.sweep import Catalog
    from flowadam.sweep.parcel import require_arrival

    if isinstance(subject, OptimizerSpec):
        catalog = Catalog({}, {subject.name: subject}, registry.plugins)
    else:
        catalog = Catalog({subject.name: subject}, {}, registry.plugins)
    try:
        require_arrival(catalog)
    except InputError as error:
        return CheckResult("arrives_at_workers", "failed", str(error))
    return CheckResult("arrives_at_workers", "ok")


def _pair(spec: OptimizerSpec, task: Task, other: str) -> Iterator[CheckResult]:
    for result in run_checks("pair", spec, task):
        yield replace(result, name=f"{result.name} with {other}")
