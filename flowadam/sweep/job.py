"""What is dealt to an engine, and who deals it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flowadam.installed import Installed
from flowadam.outcome import Outcome, Status
from flowadam.plan import Group
from flowadam.plugins import Plugin
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
    """The tasks and optimizers of a study by name; the caller fills it from the registries.

    Pickled, it brings the plugins' code first: a worker imports it before the tasks and optimizers
    that refer to it are read.

    Args:
        plugins: files whose code runs in every process of the study.
        origins: where foreign ones come from, by "task NAME" or "optimizer NAME".
    """

    tasks: Mapping[str, Task]
    specs: Mapping[str, OptimizerSpec]
    plugins: tuple[Plugin, ...] = ()
    origins: Mapping[str, Plugin | Installed] = field(default_factory=dict)

    def code(self, task: str, optimizer: str = "") -> str:
        """Return the foreign code that a run depends on: the column `plugins` of its row.

        Every plugin file stands there, since its code ran in the process and could have changed
        anything; of the installed packages, those that offer this task and optimizer.
        """
        names = (f"task {task}", f"optimizer {optimizer}")
        found = [self.origins[name] for name in names if name in self.origins]
        packages = [origin for origin in found if isinstance(origin, Installed)]
        return " ".join(map(str, [*self.plugins, *packages]))

    def __reduce__(self) -> tuple[object, ...]:
        code = self.plugins, dict(self.origins)
        return _catalog, (*code, dict(self.tasks), dict(self.specs))


def _catalog(
    plugins: tuple[Plugin, ...],
    origins: Mapping[str, Plugin | Installed],
    tasks: Mapping[str, Task],
    specs: Mapping[str, OptimizerSpec],
) -> Catalog:
    return Catalog(tasks, specs, plugins, origins)


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


@dataclass(frozen=True)
class Work:
    """What an engine is given to run.

    Args:
        dealer: has the jobs.
        sink: takes each job's outcomes.
        stop: says when to end early.
        alone: one job at a time, since its seconds are what is asked for.
    """

    study: Study
    catalog: Catalog
    dealer: Dealer
    sink: Sink
    stop: Stop
    alone: bool = False


class Engine(Protocol):
    """Runs jobs somewhere, `workers` at a time."""

    @property
    def workers(self) -> int: ...

    def run(self, work: Work) -> None:
        """Run what the dealer deals until it is exhausted or the stop is set.

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
