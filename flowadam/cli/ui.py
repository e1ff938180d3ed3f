"""``flowadam ui``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import typer

from flowadam.errors import InputError
from flowadam.tracking import ui_command


def serve(folder: Path, port: int) -> None:
    """Run the MLflow server on 127.0.0.1 until Ctrl-C."""
    folder = folder.resolve()
    if not (folder / "mlflow.db").exists():
        raise InputError(f"{folder} has no mlflow.db; `flowadam report {folder}` makes it.")
    typer.echo(f"MLflow UI: http://127.0.0.1:{port} (Ctrl-C ends it)")
    raise typer.Exit(subprocess.run(ui_command(folder, port), check=False).returncode)
