"""The engine on Ray Tune."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Self

from flowadam.sweep.chunks import Chunks
from flowadam.sweep.job import Work
from flowadam.sweep.ray_session import ray_session


class RayEngine:
    """Runs jobs on an embedded Ray or on a cluster, which it starts or joins when first used.

    Args:
        trainable: ``module:class`` of the class Trainable that runs ``config["jobs"]``.
        address: None or "local" embeds Ray; "auto" or host:port joins a cluster.
        workers: trials at a time; None takes what there is room for.
    """

    def __init__(
        self, trainable: str, *, address: str | None = None, workers: int | None = None
    ) -> None:
        self._trainable, self._wanted = trainable, workers
        self._address = None if address == "local" else address
        self._exit = ExitStack()
        self._folder: Path | None = None
        self.workers = workers or 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._exit.close()

    def run(self, work: Work) -> None:
        if self._folder is None:
            self._folder = self._exit.enter_context(ray_session(self._address))
        # Ray reads its environment while it is imported, so it must not be imported before.
        tuner = import_module("flowadam.sweep.ray_tuner")
        self.workers = self._wanted or tuner.check_room(
            tuner.request(work.study, work.catalog), elastic=self._address is not None
        )
        module, _, name = self._trainable.partition(":")
        trainable = getattr(import_module(module), name)
        workers = 1 if work.alone else self.workers
        chunks = Chunks(work.dealer, work.sink, work.stop, workers, work.study.group_limit)
        # Only where all room is taken does one more trial wait, and does not run.
        spare = self._wanted is None and not work.alone
        tuner.run_tuner(trainable, work.study, work.catalog, chunks, self._folder, spare=spare)
        if chunks.error:
            raise chunks.error
