"""The Ray Tune Trainable that runs a sweep's groups."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from ray import tune

from flowadam.errors import FlowAdamError
from flowadam.origin import source_hash
from flowadam.outcome import encode
from flowadam.study import Study
from flowadam.trial import run_group

if TYPE_CHECKING:
    from flowadam.sweep import Catalog

WATCHDOG = 1.5


class GroupTrainable(tune.Trainable):
    """Runs a chunk of jobs; one ``step()`` is one group, whose outcomes travel in the result.

    The configuration holds ``jobs``, a sequence of ``flowadam.sweep.job.Job``. No checkpoint is
    needed: the driver knows which jobs of a chunk have reported, and deals the others again.
    """

    def setup(
        self,
        config: dict[str, Any],
        study: Study | None = None,
        catalog: Catalog | None = None,
        sources: Sequence[str] = (),
    ) -> None:
        assert study is not None and catalog is not None
        mine = [source_hash(), *map(str, catalog.plugins)]
        if mine != sources:
            raise FlowAdamError(
                f"The worker's flowadam ({' '.join(mine)}) is not the driver's "
                f"({' '.join(sources)}): install the same version on every node."
            )
        self._study, self._catalog = study, catalog
        _warm_up()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._jobs: Sequence[Any] = new_config["jobs"]
        self._next = 0
        return True

    def step(self) -> dict[str, Any]:
        number, job = self._next, self._jobs[self._next]
        self._next += 1
        cell = job.group.cell
        task, spec = self._catalog.tasks[cell.task], self._catalog.specs[cell.optimizer]
        with _Watchdog(self._study.group_limit):
            outcomes = run_group(self._study, task, spec, job.group, job.configuration.values)
        return {
            "job": number,
            "outcomes": encode(outcomes),
            "pid": os.getpid(),
            "done": self._next == len(self._jobs),
        }


def _warm_up() -> None:
    """Build an optimizer: torch imports much at the first one, which no group's clock shall pay."""
    torch.optim.SGD([torch.zeros(1)], lr=0.1)


class _Watchdog:
    """Lets the system end this process when a group hangs beyond 1.5 times its time limit.

    The time limit itself is looked at between gradient evaluations; the alarm's default action
    ends even a process that is stuck inside one, and the driver books the group as "timeout".
    """

    def __init__(self, time_limit: float | None) -> None:
        self._seconds = WATCHDOG * time_limit if time_limit else 0.0

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
