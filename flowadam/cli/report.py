"""``flowadam report``."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import typer

from analysis import report, table
from flowadam.cli.folders import open_study
from flowadam.store import Store
from flowadam.tracking import Mirror


def make_report(folder: Path) -> None:
    """Build the report of a stored study and mirror it."""
    store = open_study(folder)
    build_and_print(store, Mirror(store.folder))


def build_and_print(store: Store, mirror: Mirror) -> None:
    """Build report.html, log it to MLflow, print the table and where everything is."""
    path = report.build(store.folder)
    warning = mirror(store) or mirror.log_report(path)
    width = shutil.get_terminal_size().columns
    typer.echo(table(store.folder).text(width))
    if warning:
        typer.echo(warning, err=True)
    typer.echo(f"report: {path}")
    typer.echo(f"MLflow: flowadam ui {shlex.quote(str(store.folder))}")
