"""Where the mirror is kept: an SQLite file in the study's folder, or a server."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from flowadam.errors import InputError

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    # Each session opens the file anew, so a database that was deleted is not written to.
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
}
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_TEMPORARY = ".mlflow.db.tmp"


def set_environment() -> None:
    """Keep MLflow quiet, and quick to give up, where the user has not said otherwise.

    MLflow reads some of these while it is imported, which Ray Tune does on its own, so this comes
    before a sweep; and a log level once more, in case MLflow was there already.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"].upper())


def check_uri(uri: str) -> str:
    """Return a tracking URI with an absolute path, since a sweep changes its working folder.

    Raises:
        InputError: it names a folder or a file that is no database.
    """
    if urlsplit(uri).scheme in ("", "file"):
        raise InputError(
            "--tracking-uri must name a server (http://...) or a database (sqlite:///...), "
            f"got '{uri}'."
        )
    if uri.startswith("sqlite:///"):
        return sqlite_uri(Path(uri.removeprefix("sqlite:///")))
    return uri


def is_database(uri: str) -> bool:
    """Say whether MLflow would open the database itself, without a server of its own."""
    return urlsplit(uri).scheme.partition("+")[0] in _DATABASES


def shown(text: str) -> str:
    """Return `text` with the user and password of every URL in it left out."""
    return re.sub(r"://[^/\s@]+@", "://", text)


def database(folder: Path) -> Path:
    """Return the path of the study's own MLflow database."""
    return folder / "mlflow.db"


def artifacts(folder: Path) -> Path:
    """Return the folder of the study's own MLflow artifacts."""
    return folder / "mlartifacts"


def sqlite_uri(path: Path) -> str:
    """Return the tracking URI of an SQLite file.

    Raises:
        InputError: MLflow cannot name the path in a URI.
    """
    if {"%", "?"} & set(str(path)):
        raise InputError(f"MLflow keeps no database under a path that holds % or ?, got {path}.")
    return f"sqlite:///{path.resolve()}"


def create_database(folder: Path) -> None:
    """Create the study's database unless it is there, whole or not at all.

    MLflow builds its tables in dozens of migrations, and a file in which they stopped half-way
    cannot be opened again, so they run under another name.
    """
    if database(folder).exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    temporary = folder / _TEMPORARY
    for leftover in folder.glob(f"{_TEMPORARY}*"):
        leftover.unlink()
    store = SqlAlchemyStore(sqlite_uri(temporary), artifacts(folder).as_uri())
    store.engine.dispose()
    temporary.replace(database(folder))
