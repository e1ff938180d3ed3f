"""``flowadam tasks``, ``flowadam optimizers`` and ``flowadam probes``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

import search_spaces
import trainables
from flowadam import probes
from flowadam.cli.registry import Registry
from flowadam.errors import FlowAdamError, InputError
from flowadam.installed import Installed, Kind, installed
from flowadam.plugins import Plugin
from flowadam.spec import OptimizerSpec
from trainables import published

NARROW = 78
"""Columns below which tables are printed as lists."""


def list_tasks(name: str | None = None, plugins: Sequence[Path] = ()) -> None:
    """Print name, default budget and one line for every task, or the options of one."""
    registry = Registry(plugins)
    if name is not None:
        _show_options(name, registry)
        return
    packages, broken = _of_packages("task", registry)
    table = Table("task", "metric", "budget", "what it is")
    for task in [*registry.all_tasks().values(), *packages]:
        what = _with_origin(task.summary, registry.origin("task", task.name))
        table.add_row(task.name, task.metric, str(task.budget), what)
    _print(table, broken)


def list_optimizers(name: str | None = None, plugins: Sequence[Path] = ()) -> None:
    """Print every optimizer with its number of knobs and source, or the space of one."""
    registry = Registry(plugins)
    if name is not None:
        _show_space(registry.spec(name))
        return
    packages, broken = _of_packages("optimizer", registry)
    table = Table("optimizer", "knobs", "where it comes from")
    for spec in [*registry.all_specs().values(), *packages]:
        source = _with_origin(spec.source, registry.origin("optimizer", spec.name))
        table.add_row(spec.name, str(len(spec.space)), source)
    _print(table, broken)
    Console().print(
        "`flowadam optimizers NAME` shows a search space and the source of every range."
    )
    Console().print(f"Run by name alone, ablations: {', '.join(search_spaces.ABLATIONS)}.")


def _of_packages(kind: Kind, registry: Registry) -> tuple[list[Any], list[str]]:
    """Return what installed packages offer, and a sentence about each one that cannot be had."""
    get = registry.spec if kind == "optimizer" else registry.task
    found: dict[str, Any] = {}
    broken: list[str] = []
    for one in installed(kind):
        try:
            if one.name in registry.names(kind):
                raise InputError(f"{one.label} is hidden by the built-in one.")
            found[one.name] = get(one.name)
        except FlowAdamError as error:
            broken.append(str(error))
    return list(found.values()), list(dict.fromkeys(broken))


def _with_origin(text: str, origin: Plugin | Installed | None) -> Text:
    return Text(text if origin is None else f"[{origin}] {text}")


def _print(table: Table, broken: Sequence[str] = ()) -> None:
    """Print a table whose first column is a name and whose last is a text.

    On a narrow terminal every row becomes a name, its cells beside it and the text below.
    """
    console = Console()
    if console.width >= NARROW:
        table.columns[0].no_wrap = True
        console.print(table)
    else:
        for name, *cells, text in zip(*(column.cells for column in table.columns), strict=True):
            console.print(Text.assemble((str(name), "bold"), *(f"  {cell}" for cell in cells)))
            console.print(Padding(text, (0, 0, 0, 4)))
    for sentence in broken:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def list_probes() -> None:
    """Print what each probe reads and what a reading costs."""
    table = Table(Column("probe", no_wrap=True), "gradients", "losses", "what it reads")
    for name in probes.names():
        probe = probes.get(name)
        usual, most = probe.usual_evals, probe.most_evals
        price = str(most) if usual == most else f"{usual}, at most {most}"
        table.add_row(name, price, str(probe.loss_evals), probe.summary)
    _print(table)
    Console().print(
        "Price of one reading, at 41 marks of a run: gradients and Hessian-vector products, and "
        "losses without gradient. None of it counts into budgets."
    )


def _show_options(name: str, registry: Registry) -> None:
    """Print what a built-in task is and takes; one of a plugin or a package takes no options."""
    tasks = registry.all_tasks()
    task = tasks[name] if name in tasks else registry.task(name)
    console = Console(highlight=False)
    own, _, options = name.partition(":")
    chosen = f" (here with {options})" if options else ""
    console.print(f"{name}: {task.summary}{chosen}", markup=False)
    console.print(f"metric {task.metric}, budget {task.budget} gradients", markup=False)
    if own in published.names():
        console.print(f"as published: flowadam published {own}", markup=False)
    known = trainables.options_of(name) if name in trainables.names() else {}
    for option, default in known.items():
        text = "has to be given" if default is ... else f"default {default}"
        console.print(f"  {option}  {text}", markup=False)
    if known:
        console.print(f"Options go into the name: {name}:{next(iter(known))}=...", markup=False)


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
