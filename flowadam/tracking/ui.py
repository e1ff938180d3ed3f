"""MLflow's own user interface for a study's folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flowadam.tracking.database import ENVIRONMENT, artifacts, database, sqlite_uri


def ui_command(folder: Path, port: int) -> list[str]:
    """Return the command that serves the folder's MLflow on 127.0.0.1 with one worker.

    Raises:
        InputError: MLflow cannot open a database under this path.
    """
    folder = folder.resolve()
    options = {
        "--backend-store-uri": sqlite_uri(database(folder)),
        "--artifacts-destination": artifacts(folder).as_uri(),
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
    }
    words = [word for option in options.items() for word in option]
    return [sys.executable, "-m", "mlflow", "server", *words]


def ui_environment() -> dict[str, str]:
    """Return the environment to run `ui_command` in: this one, quiet and without job workers.

    MLflow 3.17 starts eight processes for background jobs, which nothing here uses and which
    outlive a server that is terminated.
    """
    return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **ENVIRONMENT, **os.environ}
