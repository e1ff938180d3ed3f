"""The mirror: brings MLflow up to date, says in a sentence when it cannot, and never raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from threading import Thread

from flowadam.store import Store
from flowadam.tracking.bring import Place, bring_study, log_files
from flowadam.tracking.content import StudyContent, study_content
from flowadam.tracking.database import (
    artifacts,
    check_uri,
    create_database,
    database,
    is_database,
    set_environment,
    shown,
    sqlite_uri,
)

LOCAL_SECONDS = 120.0
SERVER_SECONDS = 8.0


class Mirror:
    """MLflow's copy of a study: one parent run, and a child per task, optimizer and budget.

    The store is the record and MLflow a copy that may be deleted: the next call makes it again.
    What a server that is down has missed is caught up by the next call too, and work that a slow
    one has not finished in time goes on in the background.

    Args:
        folder: the study's folder.
        tracking_uri: an MLflow server or database; None keeps ``mlflow.db`` and ``mlartifacts/``
            in the folder. MLflow knows artifacts by absolute paths, so after the folder has moved
            the report opens again once the mirror has been called in the new place.

    Raises:
        InputError: `tracking_uri` names neither a server nor a database.
    """

    def __init__(self, folder: Path, tracking_uri: str | None = None) -> None:
        set_environment()
        self._folder = folder.resolve()
        self._uri = check_uri(tracking_uri) if tracking_uri else None
        self._worker: Thread | None = None
        self._place: Place | None = None

    def __call__(self, store: Store) -> str | None:
        """Bring MLflow up to date with `store`; return a warning of one sentence, or None."""
        return self._attempt(lambda: store, ())

    def log_report(self, path: Path) -> str | None:
        """Bring MLflow up to date and log the report, with ``study.toml``, to the parent run.

        Returns a warning of one sentence, or None.
        """
        return self._attempt(lambda: Store(self._folder), (path, self._folder / "study.toml"))

    def report_link(self, base: str) -> str | None:
        """Return where the report opens in the user interface at `base`; None before a call."""
        if self._place is None:
            return None
        experiment, run = self._place.experiment, self._place.run
        path = f"experiments/{experiment}/runs/{run}/artifacts/report.html"
        return f"{base}/#/{path}?workflowType=machine_learning"  # MLflow's other mode is for traces

    def _attempt(self, read: Callable[[], Store], files: Sequence[Path]) -> str | None:
        """Do the work in a thread, so that nothing MLflow or a server does can hold up a sweep."""
        if self._worker is not None and self._worker.is_alive():
            return self._warning("it is still busy with the last call")
        failures: list[Exception] = []
        try:
            set_environment()
            import_module("mlflow")
            content = study_content(read())
        except Exception as error:  # whatever it is, the sweep goes on
            return self._warning(_reason(error))

        def work() -> None:
            try:
                self._bring(content, files)
            except Exception as error:  # whatever it is, the sweep goes on
                failures.append(error)

        seconds = SERVER_SECONDS if self._uri else LOCAL_SECONDS
        self._worker = Thread(target=work, name="mlflow mirror", daemon=True)
        self._worker.start()
        self._worker.join(seconds)
        if self._worker.is_alive():
            return self._warning(f"it has not finished in {seconds:g} s")
        return self._warning(_reason(failures[0])) if failures else None

    def _bring(self, content: StudyContent, files: Sequence[Path]) -> None:
        from mlflow import MlflowClient

        if self._uri is None:
            create_database(self._folder)
        client = MlflowClient(self._uri or sqlite_uri(database(self._folder)))
        local = self._uri is None or is_database(self._uri)
        location = artifacts(self._folder).as_uri() if local else None
        existing = (self._folder / "report.html", self._folder / "study.toml")
        self._place = bring_study(client, content, location, existing)
        log_files(client, self._place.run, files)

    def _warning(self, reason: str) -> str:
        where = shown(self._uri) if self._uri else str(database(self._folder))
        return (
            f"MLflow at {where} is behind ({reason}); the study's folder holds everything, "
            "and the next call catches up."
        )


def _reason(error: Exception) -> str:
    """Return the kind and the first line of an error, without the password of a URL."""
    line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {shown(line)}"[:250].rstrip(". ")
