"""``flowadam published``: the papers' own experiments, run as published."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Column, Table

from analysis.intervals import mean_interval
from analysis.text import count, estimate
from flowadam import datasets
from flowadam.cli.width import columns
from flowadam.errors import InputError
from trainables import published
from trainables.published.checks import Check, checks
from trainables.published.record import FILE, Record, wanted

WIDE, LEAST = 160, 120
"""Columns of the table, and those below which it becomes a list."""


def run_published(
    names: Sequence[str],
    out: Path,
    *,
    seeds: int | None,
    jobs: int | None,
    measure: bool,
    claimed: bool,
) -> None:
    """Run what is missing of the named scenarios, then print the table.

    Without names: of all whose data are here, but for the long ones that are run by name alone.

    Args:
        out: folder of the record; the same command goes on where it was stopped.
        seeds: how many of the published seeds, default all.
        jobs: processes, default the machine's cores.
        measure: False prints what the folder holds and runs nothing.
        claimed: print only what has a published number.
    """
    _check(out, jobs, measure)
    chosen = list(names) or [n for n in published.names() if not measure or _is_possible(n)]
    for name in names if measure else ():
        _require_data(name)
    record, runs = Record(out), wanted(chosen, seeds)
    missing = record.missing(runs) if measure else []
    for done, run in enumerate(record.fill(missing, jobs or os.cpu_count() or 1), 1):
        where = f"{run.scenario}, {run.contender}, seed {run.seed}"
        typer.echo(
            f"{done}/{len(missing)}  {where}: {run.value:.4g}  {run.seconds:.0f} s", err=True
        )
    asked = set(runs)
    kept = [r for r in record.runs if (r.scenario, r.contender, r.seed) in asked]
    found = [check for name in chosen for check in checks(published.get(name), kept)]
    found = [check for check in found if check.claim] if claimed else found
    typer.echo(text(found, columns(WIDE)))


def list_published() -> None:
    """Print name, key, seeds and contenders of every scenario."""
    for name in published.names():
        one = published.get(name)
        notes = [f"data set {one.data}" if one.data else "", "by name alone" if one.by_name else ""]
        said = "; ".join(filter(None, [*one.contenders, *notes]))
        typer.echo(f"{name}  {one.key}  {one.metric}, {count(len(one.seeds), 'seed')}")
        typer.echo(textwrap.indent(textwrap.fill(said, columns(WIDE) - 4), "    "))


def _check(out: Path, jobs: int | None, measure: bool) -> None:
    if jobs is not None and jobs < 1:
        raise InputError(f"`jobs` must be a whole number of at least 1, got {jobs}.")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, and {out} is none.")
    if not measure and not (out / FILE).is_file():
        raise InputError(f"{out} holds no record of published runs (no {FILE}).")


def _require_data(name: str) -> None:
    """Raise InputError, with the way to get it, when the data set of a scenario is not here."""
    if data := published.get(name).data:
        datasets.path(data)


def _is_possible(name: str) -> bool:
    if published.get(name).by_name:
        typer.echo(f"{name} is left out: it is long, and runs when it is named.", err=True)
        return False
    try:
        _require_data(name)
    except InputError as error:
        typer.echo(f"{name} is left out: {error}", err=True)
        return False
    return True


def text(found: Sequence[Check], width: int = WIDE) -> str:
    """Return the checks as plain text: a table, or a list below 120 columns, and what it means."""
    lines = _wide(found) if width >= LEAST else _narrow(found, width)
    claimed = [check for check in found if check.claim]
    words = [check.holds for check in claimed if check.holds is not None]
    told = [f"{sum(words)} of {len(words)} published numbers hold.", METHOD]
    if len(words) < len(claimed):
        told.insert(1, f"{ANYTHING}: {len(claimed) - len(words)}.")
    if width < LEAST:
        told = [textwrap.fill(one, width) for one in told]
    return "\n".join([*lines, "", *told])


def _wide(found: Sequence[Check]) -> list[str]:
    table = Table(
        Column("published scenario", no_wrap=True),
        *("key", "what", "claimed", "measured [95 %]", "n", "gradients", "holds"),
        box=None,
        pad_edge=False,
    )
    last = ""
    for check in found:
        what, calls = f"{check.contender}: {check.quantity}", f"{check.gradients:.0f}"
        cells = (what, _claimed(check), _measured(check), str(check.n), calls)
        name = check.scenario if check.scenario != last else ""
        table.add_row(name, check.key if name else "", *cells, _word(check))
        last = check.scenario
    console = Console(width=WIDE, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def _narrow(found: Sequence[Check], width: int) -> list[str]:
    lines: list[str] = []
    for scenario, group in groupby(found, lambda check: check.scenario):
        mine = list(group)
        lines.append(f"{scenario} {mine[0].key}".rstrip())
        for check in mine:
            line = f"  {check.contender}: {check.quantity}: {_measured(check)} n={check.n}"
            if check.claim:
                line += f", claimed {_claimed(check)}: {_word(check)}"
            lines += textwrap.wrap(line, width, subsequent_indent="    ")
    return lines


def _claimed(check: Check) -> str:
    return f"{check.claim.mean:g} ± {check.claim.tolerance:g}" if check.claim else "-"


def _measured(check: Check) -> str:
    alone = len(check.values) < check.n  # A margin of means has no value of its own per seed.
    return f"{check.mean:.4g}" if alone else estimate(mean_interval(check.values))


def _word(check: Check) -> str:
    if check.holds is None:
        return "decides nothing" if check.claim else "-"
    return "yes" if check.holds else "no"


ANYTHING = "Published with a tolerance that reaches the number itself, which decides nothing"
METHOD = (
    "Published form: unequal penalties, untuned rates, equal steps (not gradients), last iterate, "
    "test part.\nclaimed: published mean ± the deviation its authors allow; measured: mean over n "
    "seeds with Student's interval; gradients: closure calls of a run."
)
