"""The mirror: brings MLflow up to date, says in a sentence when it cannot, and never raises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from flowadam.store import Store
from flowadam.tracking.bring import Place, bring_study, log_files
from flowadam.tracking.content import study_content
from flowadam.tracking.database import (
    artifacts,
    create_database,
    database,
    set_environment,
    sqlite_uri,
)
from flowadam.tracking.ui import report_link

LOCAL_SECONDS = 120.0
SERVER_SECONDS = 8.0


class Mirror:
    """MLflow's copy of a study: one parent run, and a child per task, optimizer and budget.

    The store is the record and MLflow a copy that can be deleted: the next call makes it again.
    Work that a slow server has not finished in time goes on in the background, and what a server
    that is down has missed is caught up by the next call.

    Args:
        folder: the study's folder.
        tracking_uri: an MLflow server or database; None keeps ``mlflow.db`` and ``mlartifacts/``
            in the folder. MLflow stores artifacts under absolute paths, so after the folder has
            moved its artifacts open again once the mirror has been called in the new place.
    """

    def __init__(self, folder: Path, tracking_uri: str | None = None) -> None:
        self._folder, self._uri = folder.resolve(), tracking_uri
        self._work: Thread | None = None
        self._place: Place | None = None

    def __call__(self, store: Store) -> str | None:
        """Bring MLflow up to date with `store`; return a warning of one sentence, or None."""
        return self._guarded(lambda: self._bring(store))

    def log_report(self, path: Path) -> str | None:
        """Log the report, and ``study.toml``, as artifacts of the parent run.

        Returns a warning of one sentence, or None.
        """
        return self._guarded(lambda: self._log(path))

    def report_link(self, base: str) -> str | None:
        """Return the report's address in a user interface at `base`, known after a mirroring."""
        return report_link(base, self._place) if self._place else None

    def _bring(self, store: Store) -> Callable[[], None]:
        content = study_content(store)
        files = [self._folder / "report.html", self._folder / "study.toml"]

        def work() -> None:
            self._place = bring_study(self._client(), content, self._location(), files)

        return work

    def _log(self, path: Path) -> Callable[[], None]:
        content = study_content(Store(self._folder))
        ...
