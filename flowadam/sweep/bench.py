"""What studies that the program makes itself run with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.sweep.job import Catalog, Engine, Observer
from flowadam.sweep.phases import SweepResult, sweep
from flowadam.sweep.prepare import open_store
from flowadam.sweep.stop import Stop
from flowadam.task import Task


@dataclass(frozen=True)
class Bench:
    """Finds what a study names and runs it.

    Args:
        task, spec: find a task and an optimizer by name.
        engine: runs the jobs.
        observer: watches.
        stop: ends it early.
        say: is told which study begins.
    """

    task: Callable[[str], Task]
    spec: Callable[[str], OptimizerSpec]
    engine: Engine
    observer: Observer
    stop: Stop
    say: Callable[[str], object]

    def run(self, study: Study, catalog: Catalog, folder: Path) -> SweepResult:
        """Run what the folder lacks of a study, without a mirror.

        Args:
            study: already merged with the folder's own; optimizers that are not in the catalog
                wait for another time.
        """
        known = tuple(name for name in study.optimizer if name in catalog.specs)
        store = open_store(folder, study, catalog)
        try:
            return sweep(
                replace(study, optimizer=known),
                catalog,
                store,
                self.engine,
                observer=self.observer,
                stop=self.stop,
                mirror=lambda _: None,
            )
        finally:
            store.close()
