"""``flowadam ui``."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import typer

from flowadam.cli.folders import open_study
from flowadam.errors import InputError
from flowadam.tracking import Mirror, ui_command, ui_environment


def serve(folder: Path, port: int) -> None:
    """Bring the mirror up to date and run the MLflow server on 127.0.0.1 until Ctrl-C.

    Raises:
        InputError: the folder holds no study, or the port is in use.
    """
    folder = folder.resolve()
    store = open_study(folder)
    _check_port(port)
    mirror = Mirror(folder)
    warning = mirror(store)
    if warning:
        typer.echo(warning, err=True)
    address = f"http://127.0.0.1:{port}"
    typer.echo(f"MLflow UI: {address} (Ctrl-C ends it; it takes some seconds to start)")
    link = mirror.report_link(address)
    if link:
        typer.echo(f"the report: {link}")
    server = subprocess.Popen(ui_command(folder, port), env=ui_environment())
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())
    try:
        code = server.wait()
    except KeyboardInterrupt:  # the terminal sent the server its own interrupt
        server.wait()
        code = 0
    raise typer.Exit(max(code, 0))


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise InputError(f"Port {port} is in use: choose another --port.") from None
