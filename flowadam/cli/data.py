"""``flowadam data list``, ``get`` and ``where``."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from flowadam.cli.transfer_line import TransferLine
from flowadam.cli.width import columns
from flowadam.datasets import catalog, getting, reading
from flowadam.datasets.base import DataSet, size_text
from flowadam.datasets.folder import VARIABLE, data_folder, require_folder
from flowadam.errors import FlowAdamError, InputError


def list_data() -> None:
    """Print name, presence, size, content and terms of every data set; files are looked into."""
    _require_known_folder()
    console = Console(highlight=False)
    for name in catalog.names():
        data = catalog.find(name)
        presence, fault = _presence(data)
        console.print(Text(f"{name}  {size_text(data.about)}  {presence}"))
        lines = (data.summary, f"Terms: {data.short_terms}", fault and f"Damage: {fault}.")
        for line in filter(None, lines):
            console.print(Padding(Text(line), (0, 0, 0, 4)))
    console.print("`flowadam data get NAME` shows the whole terms and asks before it downloads.")


def _require_known_folder() -> Path:
    """Return the folder, after saying on the error stream when it is not there.

    Raises:
        InputError: it is something other than a folder.
    """
    folder = data_folder()
    require_folder(folder)
    if not folder.exists():
        typer.echo(f"{folder} is not there; `flowadam data get NAME` makes it.", err=True)
    return folder


def _presence(data: DataSet) -> tuple[str, str]:
    """Return whether a data set is here, in words, and what is wrong with its content or ""."""
    try:
        path, fault = reading.located(data)[0], reading.fault(data)
    except InputError:
        return "not here", ""
    if fault:
        return f"damaged ({path.name})", fault
    return "here" if path.name == data.stored else f"a part here ({path.name})", ""


def show_folder() -> None:
    """Print the folder, then the file of each data set that is there, and unfinished downloads.

    Files are looked into: of a damaged one its fault is said.
    """
    folder = _require_known_folder()
    typer.echo(str(folder))
    for name in catalog.names():
        data = catalog.find(name)
        presence, fault = _presence(data)
        if presence != "not here":
            path, statement = reading.located(data)
            said = f"damaged: {fault}." if fault else statement
            _echo(f"{name}  {path.name}  {size_text(path.stat().st_size)}  {said}")
    for part in sorted(folder.glob("downloads/*/*.part")):
        size = size_text(part.stat().st_size)
        _echo(f"{part.parent.name}  {part.relative_to(folder)}  {size}  unfinished")
    chosen = os.environ.get(VARIABLE)
    said = f"{VARIABLE} names this folder." if chosen else f"{VARIABLE} can name another folder."
    typer.echo(f"The environment variable {said}", err=True)


def _echo(line: str) -> None:
    """Print a line, folded on a terminal and whole in a pipe."""
    typer.echo(textwrap.fill(line, columns(len(line)), subsequent_indent="    "))


def get_data(name: str, *, yes: bool = False, url: str | None = None) -> None:
    """Show the terms, ask, download, check and parse one data set.

    Raises:
        InputError: unknown name; nobody to ask and no `yes`; no folder, or none to write to.
        FlowAdamError: the answer was no, or the download failed or was interrupted.
    """
    data = catalog.find(name)
    require_folder(data_folder())
    if _is_whole(data):
        return
    _show_terms(data)
    _require_consent(data, yes)
    line = TransferLine(data.name)
    try:
        with line:
            path = getting.get(data, data_folder(), line.update, url)
    except KeyboardInterrupt:
        kept = any((data_folder() / "downloads" / name).glob("*.part"))
        what = f"what arrived of {name} is kept, and" if kept else f"nothing of {name} has arrived;"
        raise FlowAdamError(f"interrupted; {what} the same command goes on.") from None
    typer.echo(f"{path} ({size_text(path.stat().st_size)}): {data.statement}")


def _is_whole(data: DataSet) -> bool:
    """Return True, and say so, when the data set is there with the right content."""
    path = data_folder() / data.stored
    if not path.is_file():
        return False
    try:
        reading.arrays(data)
    except InputError as error:
        typer.echo(f"{error} It is replaced when the download has succeeded.", err=True)
        return False
    typer.echo(f"{path} is there already, and its content is right.")
    return True


def _show_terms(data: DataSet) -> None:
    console = Console(highlight=False)
    console.print(Text(f"{data.name}: {data.summary}"))
    console.print(Text(f"Terms: {data.terms}"))
    console.print(Text(f"Reference: {data.reference}"))
    console.print(Text(f"Owner's page: {data.page}"))
    console.print(Text(f"Download: {size_text(data.about)}, to {data_folder()}"))


def _require_consent(data: DataSet, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(
            f"There is no terminal to ask in: `flowadam data get {data.name} --yes` downloads "
            "under the terms above."
        )
    if not typer.confirm("Download under these terms?"):
        raise FlowAdamError(f"{data.name} was not downloaded.")
