"""What is dealt to an engine, and who deals it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from flowadam.outcome import Outcome, Status
from flowadam.plan import Group
from flowadam.rows import Row
from flowadam.sampling import Configuration
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.sweep.stop import Stop
from flowadam.task import Task


@dataclass(frozen=True)
class Job:
    """One group with the configuration that it runs."""

    group: Group
    configuration: Configuration


@dataclass(frozen=True)
class Catalog:
    """The tasks and optimizers of a study by name; the caller fills it from the registries."""

    tasks: Mapping[str, Task]
    specs: Mapping[str, OptimizerSpec]


class Dealer(Protocol):
    """Hands out jobs; an adaptive one may have to see results before it has the next."""

    def next_job(self) -> Job | None:
        """Return a job, or None when there is none at present."""
        ...

    def settle(self, job: Job, rows: list[Row]) -> None:
        """Learn that a job's rows are in the store."""
        ...

    @property
    def ready(self) -> int:
        """How many jobs could be handed out now."""
        ...

    @property
    def exhausted(self) -> bool:
        """No job will ever come again."""
        ...


Sink = Callable[[Job, list[Outcome]], None]


class Engine(Protocol):
    """Runs jobs somewhere, `workers` at a time."""

    @property
    def workers(self) -> int: ...

    def run(self, study: Study, catalog: Catalog, dealer: Dealer, sink: Sink, stop: Stop) -> None:
        """Run what the dealer deals until it is exhausted or `stop` is set.

        Every started job reaches the sink exactly once, unless the engine itself is killed.
        """
        ...


class Observer(Protocol):
    """Watches a sweep."""

    def phase(self, name: str, total: int, done: int) -> None:
        """A phase of `total` runs begins, of which `done` are in the store already."""
        ...

    def rows(self, rows: list[Row]) -> None:
        """New rows are in the store."""
        ...


def failed(job: Job, status: Status, message: str) -> list[Outcome]:
    """Return the outcomes of a group that never reported any."""
    return [Outcome(seed, status, "", message=message) for seed in job.group.seeds]
