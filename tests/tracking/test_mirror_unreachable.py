"""A server that is down, mute or slow delays the mirror and nothing else."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from study_folder import QUIET, client_of, dump, write_study

from flowadam.errors import InputError
from flowadam.tracking import Mirror
from flowadam.tracking.database import database

pytestmark = QUIET


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def mute_port() -> Iterator[int]:
    """Return a port that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield server.getsockname()[1]


def timed(mirror: Mirror, folder: Path) -> tuple[str, float]:
    started = time.monotonic()
    warning = mirror(write_study(folder))
    assert warning is not None
    return warning, time.monotonic() - started


def test_a_closed_port(tmp_path: Path, free_port: int) -> None:
    mirror = Mirror(tmp_path, f"http://anna:secret@127.0.0.1:{free_port}")
    warning, seconds = timed(mirror, tmp_path)
    assert seconds < 10
    assert warning.startswith(f"MLflow at http://127.0.0.1:{free_port} is behind (")
    assert "secret" not in warning
    assert warning.count(". ") == 0 and warning.endswith("catches up.")
    assert mirror.report_link("http://x") is None
    assert mirror.log_report(tmp_path / "report.html") is not None


def test_a_port_that_never_answers(tmp_path: Path, mute_port: int) -> None:
    _, seconds = timed(Mirror(tmp_path, f"http://127.0.0.1:{mute_port}"), tmp_path)
    assert seconds < 10


@contextmanager
def dripping_port() -> Iterator[int]:
    """Answer every request with a byte now and then, so that no read ever times out."""

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not finished.wait(0.2):
                connection.sendall(b" ")

    finished = Event()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        thread = Thread(target=drip, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        finished.set()
        thread.join()


def test_a_slow_server_is_left_to_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowadam.tracking.mirror.SERVER_SECONDS", 1.0)
    with dripping_port() as port:
        mirror = Mirror(tmp_path, f"http://127.0.0.1:{port}")
        warning, seconds = timed(mirror, tmp_path)
        assert "has not finished in 1 s" in warning and seconds < 10
        warning, seconds = timed(mirror, tmp_path)
        assert "still busy with the last call" in warning and seconds < 1


def test_a_locked_database_is_caught_up(folder: Path) -> None:
    store = write_study(folder)
    with sqlite3.connect(database(folder)) as other:
        other.execute("BEGIN EXCLUSIVE")
        warning, seconds = timed(Mirror(folder), folder)
        other.rollback()
    assert "locked" in warning and seconds < 30
    assert Mirror(folder)(store) is None
    assert len(dump(client_of(folder))) == 3


def test_a_damaged_database_is_a_sentence(tmp_path: Path) -> None:
    store = write_study(tmp_path)
    database(tmp_path).write_bytes(b"not a database at all" * 100)
    warning = Mirror(tmp_path)(store)
    assert warning is not None and "mlflow.db" in warning


@pytest.mark.parametrize("uri", ["mlruns", "./mlruns", "/tmp/mlruns", "file:///tmp/mlruns"])
def test_a_folder_is_no_tracking_uri(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InputError, match="must name a server"):
        Mirror(tmp_path, uri)


def test_a_database_named_by_a_relative_path_stays_where_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(folder)
    mirror = Mirror(folder, "sqlite:///mlflow.db")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert mirror(write_study(folder)) is None
    assert len(dump(client_of(folder))) == 3


@pytest.mark.parametrize("name", ["100%41", "q?x"])
def test_a_path_that_mlflow_cannot_name_is_a_sentence(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    warning = Mirror(folder)(write_study(folder))
    assert warning is not None and "holds % or ?" in warning
    assert [path.name for path in tmp_path.iterdir()] == [name]


SCRIPT = """
import sys
from pathlib import Path
import flowadam.tracking
assert "mlflow" not in sys.modules
from flowadam.store import Store
folder = Path(sys.argv[1])
mirror = flowadam.tracking.Mirror(folder)
assert mirror(Store(folder)) is None
assert {"ray", "torch"}.isdisjoint(sys.modules)
"""


def test_a_new_database_is_made_quietly_and_nothing_heavy_is_loaded(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_study(tmp_path)
    home = tmp_path_factory.mktemp("home")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={**mlflow_free_environment(), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(dump(client_of(tmp_path))) == 3
    assert list(home.iterdir()) == []  # where MLflow's telemetry keeps its settings


def mlflow_free_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}


def test_it_is_quiet_where_mlflow_was_loaded_before(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("mlflow").setLevel(logging.INFO)
    assert Mirror(tmp_path)(write_study(tmp_path)) is None
    assert capfd.readouterr() == ("", "")
