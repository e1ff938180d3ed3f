"""``flowadam rodflow`` without a subcommand: flows beside optimizers, as studies."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from analysis.edge.report import text, write_page, write_parquet
from analysis.edge.runs import TrackedRun, read_runs
from analysis.edge.trace import trace_text, write_trace
from analysis.text import WIDE
from flowadam.cli.engines import check_engine, opened_engine
from flowadam.cli.progress import ProgressLine
from flowadam.cli.registry import Registry
from flowadam.cli.sweep import check_tracking_uri
from flowadam.cli.width import columns
from flowadam.edge.catalogs import TRACED
from flowadam.edge.problems import ALL, PROBLEMS, methods, task_name
from flowadam.edge.run import run_problem, trace_problem
from flowadam.edge.studies import Extent
from flowadam.errors import InputError
from flowadam.sweep import Bench, Stop
from flowadam.tracking import Mirror

Found = dict[str, list[TrackedRun]]
"""Runs by the name of their problem."""


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Args:
        problems: short names or tasks, each once.
        names: methods, or with `trace` registered optimizers; none takes the usual ones.
        trace: registered optimizers run with the probes of sweeps, without flows.
        measure: False reads what the folder holds and runs nothing.
        tracking_uri: an MLflow server; None keeps a database in every problem's folder.
    """

    problems: Sequence[str]
    names: Sequence[str]
    extent: Extent
    out: Path
    engine: str = "local"
    workers: int | None = None
    trace: bool = False
    measure: bool = True
    tracking_uri: str | None = None

    def folder(self, problem: str) -> Path:
        """Return where the study of a problem lies: rates of another scale are other runs."""
        return self.out / f"{problem}{self.suffix}{'-trace' if self.trace else ''}"

    def label(self, problem: str) -> str:
        """Return what a problem is called in tables."""
        return f"{problem} at {self.extent.scale:g} of the usual rates" if self.suffix else problem

    @property
    def suffix(self) -> str:
        """What files of another scale have in their names."""
        return "" if self.extent.scale == 1 else f"-{self.extent.scale:g}"


def run_tracking(options: Options) -> None:
    """Run what is missing of every problem's study, then write page, table and Parquet.

    Raises:
        typer.Exit: code 1 when runs are left.
    """
    check_engine(options.engine, options.workers)
    if options.tracking_uri is not None:
        check_tracking_uri(options.tracking_uri)
    left = _measure(options) if options.measure else 0
    runs = _found(options)
    if any(runs.values()):
        _report(options, runs)
    elif not left:
        raise InputError(f"{options.out} must hold runs of {', '.join(runs)}, it has none.")
    if left:
        typer.echo("Runs are left. The same command goes on with them.")
        raise typer.Exit(1)


def _measure(options: Options) -> int:
    """Run what the folders lack; return how many runs are left, as far as that is known."""
    names = list(options.names or TRACED) if options.trace else methods(options.names or [ALL])
    run = trace_problem if options.trace else run_problem
    stop, registry, left = Stop(), Registry(), 0
    for problem in options.problems:
        _require_problem(problem, registry)
    with ExitStack() as stack:
        stack.enter_context(stop.on_interrupt())
        engine = stack.enter_context(opened_engine(options.engine, options.workers))
        line = stack.enter_context(ProgressLine())
        bench = Bench(registry.task, registry.spec, engine, line, stop, _say)
        for problem in options.problems:
            if stop:
                return left + 1
            left += run(problem, names, options.extent, options.folder(problem), bench)
    return left


def _require_problem(problem: str, registry: Registry) -> None:
    try:
        registry.task(task_name(problem))
    except InputError as error:
        raise InputError(f"{error} Short names: {', '.join(PROBLEMS)}.") from None


def _report(options: Options, runs: Found) -> None:
    """Write the pages of all problems together and of each alone, and print the tables."""
    write, told = (write_trace, trace_text) if options.trace else (write_page, text)
    path = options.out / f"{'trace' if options.trace else 'rodflow'}{options.suffix}.html"
    write(path, runs)
    if not options.trace:
        write_parquet(path.with_suffix(".parquet"), runs)
    typer.echo(told(runs, columns(WIDE)))
    for problem in options.problems if options.measure else ():
        folder, label = options.folder(problem), options.label(problem)
        if runs[label]:
            write(folder / "report.html", {label: runs[label]})
            _mirror(folder, options.tracking_uri)
    typer.echo(f"page: {path}")


def _mirror(folder: Path, tracking_uri: str | None) -> None:
    """Bring MLflow up to date with a problem's study and its page."""
    if warning := Mirror(folder, tracking_uri).log_report(folder / "report.html"):
        _say(warning)
    typer.echo(f"MLflow: flowadam ui {shlex.quote(str(folder))}")


def _found(options: Options) -> Found:
    """Return the runs by problem: of those asked for, then of all others at this scale."""
    beside = sorted(path.parent.name.split("-")[0] for path in options.out.glob("*/study.toml"))
    names = dict.fromkeys([*options.problems, *beside])
    found = {name: read_runs(options.folder(name)) for name in names}
    asked = options.problems
    return {options.label(name): runs for name, runs in found.items() if runs or name in asked}


def _say(words: str) -> None:
    typer.echo(words, err=True)
