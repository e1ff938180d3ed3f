"""``flowadam replay``: does one row come out again?"""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from flowadam.cli.catalog import make_catalog
from flowadam.cli.folders import open_study
from flowadam.cli.registry import Registry, say_plugins
from flowadam.errors import FlowAdamError, InputError, nearest
from flowadam.outcome import Counters
from flowadam.plan import CONFIRM_SEED_START as CONFIRM
from flowadam.plan import Cell, Group, cell_identity, seed_blocks
from flowadam.plugins import read_plugin
from flowadam.rows import Row, group_rows
from flowadam.store import Store, environment
from flowadam.study import Study
from flowadam.sweep import configuration_of
from flowadam.trial import run_group

COMPARED = (
    "status",
    "val_best",
    "val_final",
    "test_best",
    "test_final",
    "grad_evals",
    "steps",
    *(f.name for f in fields(Counters)),
)
TOLERANCE = 1e-3


def replay_row(folder: Path, key: str) -> None:
    """Run the group of one row again and compare the row: bit for bit, or to a tolerance.

    In the environment that the row was made in (packages, Python, machine, device) every number
    must be the same; elsewhere the relative difference must stay below 1e-3. The study's plugins
    run, from the copies in its folder.

    Raises:
        typer.Exit: code 1 when the row does not agree.
    """
    store = open_study(folder)
    study, row = store.study, _find(store, key)
    if row["phase"] == "trivial":
        raise InputError(f"{row['key']} is a constant predictor: there is nothing to run.")
    say_plugins(read_plugin(path) for path in study.plugin)
    catalog = make_catalog(study, Registry(study.plugin))
    group = _group(study, row)
    task, spec = catalog.tasks[group.cell.task], catalog.specs[group.cell.optimizer]
    point = configuration_of(study, catalog, store, group)
    outcomes = run_group(study, task, spec, group, point.values)
    code = catalog.code(group.cell.task, group.cell.optimizer)
    trials, _ = group_rows(study, cell_identity(study, task, spec), group, point, outcomes, code)
    again = next((r for r in trials if r["key"] == row["key"]), None)
    if again is None:
        raise FlowAdamError(f"The plan no longer holds {row['key']}: its space or data changed.")
    here = store.environments() == [environment()] and _packages(row) == _packages(again)
    _compare(row, again, same_place=here)


def _find(store: Store, key: str) -> Row:
    rows = {row["key"]: row for row in store.rows()}
    found = [name for name in rows if name.startswith(key)]
    if not found:
        hint = nearest(key, rows) if len(rows) < 20 else ""
        raise InputError(f"No row of {store.folder} has a key that begins with '{key}'.{hint}")
    if len(found) > 1:
        raise InputError(f"{len(found)} keys begin with '{key}': give more digits.")
    return rows[found[0]]


def _group(study: Study, row: Row) -> Group:
    """Return the row's group: its seed with the block that it was run in."""
    blocks = seed_blocks(study.search_blocks) + seed_blocks(study.confirm_blocks, CONFIRM)
    block = next(block for block in blocks if row["seed"] in block)
    cell = Cell(row["task"], row["optimizer"], row["budget"])
    return Group(row["phase"], cell, row["config"], block, row["contained"] or "")


def _compare(stored: Row, again: Row, *, same_place: bool) -> None:
    counted = {f.name for f in fields(Counters)}
    width = max(len(name) for name in COMPARED)
    for name in COMPARED:
        typer.echo(f"{name:{width}}  {stored[name]!s:>24}  {again[name]!s:>24}")
    # Rows of an earlier version lack the counters that came later.
    compared = [n for n in COMPARED if n not in counted or stored[n] is not None]
    gaps = {name: _gap(stored[name], again[name]) for name in compared}
    worst = max(gaps, key=lambda name: gaps[name])
    if gaps[worst] == 0:
        typer.echo("The row agrees bit for bit.")
    elif not same_place and gaps[worst] < TOLERANCE:
        typer.echo(
            f"The row agrees to {gaps[worst]:.1e} (relative, {worst}); it was made in another "
            f"environment, where {TOLERANCE:g} is allowed."
        )
    else:
        place = "the same" if same_place else "another"
        typer.echo(f"The row differs in `{worst}` (made in {place} environment).")
        raise typer.Exit(1)


def _packages(row: Row) -> set[str]:
    """Return the packages that offered the row's task and optimizer, with their versions."""
    return {word for word in (row["plugins"] or "").split() if "==" in word}


def _gap(a: Any, b: Any) -> float:
    if a == b:
        return 0.0
    if not all(isinstance(x, int | float) for x in (a, b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b))
