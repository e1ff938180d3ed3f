"""``flowadam rodflow`` without a subcommand: flows beside optimizers, as studies."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from flowadam.cli.progress import ProgressLine
from flowadam.cli.registry import Registry
from flowadam.edge.problems import methods
from flowadam.edge.run import Bench, run_problem
from flowadam.edge.studies import Extent
from flowadam.errors import require_known
from flowadam.sweep import LocalEngine, RayEngine, Stop

TRAINABLE = "trainables.group_trainable:GroupTrainable"


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Args:
        problems: short names or tasks.
        names: optimizers.
        measure: False reads what the folder holds and runs nothing.
    """

    problems: Sequence[str]
    names: Sequence[str]
    extent: Extent
    out: Path
    engine: str = "local"
    workers: int | None = None
    measure: bool = True


def run_tracking(options: Options) -> None:
    """Run what is missing of every problem's study, then write page, table and Parquet.

    Raises:
        typer.Exit: code 1 when runs are left.
    """
    require_known("engine", options.engine, ("local", "ray"))
    names, stop, left = methods(options.names), Stop(), 0
    with ExitStack() as stack:
        stack.enter_context(stop.on_interrupt())
        ray = options.engine == "ray"
        engine = RayEngine(TRAINABLE, workers=options.workers) if ray else LocalEngine()
        if isinstance(engine, RayEngine):
            stack.enter_context(engine)
        line = stack.enter_context(ProgressLine())
        bench = Bench(Registry().task, engine, line, stop, _say)
        for problem in options.problems if options.measure else ():
            folder = options.out / folder_name(problem, options.extent)
            left += run_problem(problem, names, options.extent, folder, bench)
    if left:
        typer.echo(f"{left} runs are left. The same command goes on with them.")
        raise typer.Exit(1)


def folder_name(problem: str, extent: Extent) -> str:
    """Return where the study of a problem lies: rates of another scale are other runs."""
    return problem if extent.scale == 1 else f"{problem}-{extent.scale:g}"


def _say(words: str) -> None:
    typer.echo(words, err=True)
