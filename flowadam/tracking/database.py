"""Where the mirror is kept: an SQLite file in the study's folder, or a server."""

from __future__ import annotations

import os
from pathlib import Path

from flowadam.errors import InputError

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    # Each session opens the file anew, so a database that was deleted is not written to.
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
}
_TEMPORARY = ".mlflow.db.tmp"


def set_environment() -> None:
    """Make MLflow quiet, and quick to give up, where the user has not said otherwise.

    MLflow reads some of these while it is imported, so this comes first.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


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
        raise InputError(
            f"MLflow keeps no database in a folder whose path holds % or ?, got {path.parent}: "
            "choose another --out, or a server."
        )
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
