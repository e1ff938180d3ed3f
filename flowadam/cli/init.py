"""``flowadam init``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import typer

from flowadam.durable import write_atomic
from flowadam.errors import InputError


def template() -> str:
    """Return a study file that runs as it is, with a comment for every key."""
    return files("flowadam.cli").joinpath("study.toml.txt").read_text(encoding="utf-8")


def write_template(path: Path) -> None:
    """Write the template to a new file.

    Raises:
        InputError: there is a file or no folder for it.
    """
    if path.exists():
        raise InputError(f"{path} is there already: name a new file.")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder.")
    write_atomic(path, template())
    typer.echo(f"Wrote {path}. Next: flowadam sweep {path} --dry-run")
