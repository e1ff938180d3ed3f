"""One MLflow database, made once and copied, since its migrations take a second."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flowadam.tracking.database import create_database, database, set_environment

set_environment()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("database")
    create_database(folder)
    return database(folder)


@pytest.fixture
def folder(tmp_path: Path, empty_database: Path) -> Path:
    """Return the folder of a study that has its database already."""
    shutil.copy(empty_database, database(tmp_path))
    return tmp_path
