"""The phases of a sweep, and what they leave in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flowadam.outcome import Outcome
from flowadam.plan import Group, cell_identity, cells
from flowadam.rows import Row, group_rows, probe_rows, trivial_row
from flowadam.store import Store
from flowadam.study import Study
from flowadam.study_rules import PHASES
from flowadam.sweep.configurations import configuration_of
from flowadam.sweep.dealers import AdaptiveDealer, ListDealer
from flowadam.sweep.job import Catalog, Dealer, Engine, Job, Observer, Work
from flowadam.sweep.planned import planned
from flowadam.sweep.stop import Stop

Mirror = Callable[[Store], object]


@dataclass(frozen=True)
class SweepResult:
    """What a sweep leaves: runs still missing by phase, and runs that failed.

    Args:
        left: missing runs of all phases; those of winners are counted as far as winners are known.
        failed: runs of status "error" or "timeout" in the store.
        interrupted: the user stopped it.
        late: the deadline stopped it.
        searching: the search is not complete, so that winners and their runs are still to come.
    """

    left: int
    failed: int
    interrupted: bool
    late: bool
    searching: bool = False


def sweep(
    study: Study,
    catalog: Catalog,
    store: Store,
    engine: Engine,
    *,
    observer: Observer,
    stop: Stop,
    mirror: Mirror,
) -> SweepResult:
    """Run whatever `store` lacks of `study`, phase by phase; confirm reads the test part.

    Args:
        study: already merged with the store's own study and saved there.
        mirror: called with the store after each phase.
    """
    run = _Run(study, catalog, store, engine, observer, stop)
    left: dict[str, int] = {}
    for name in PHASES:
        if name in study.phase:
            left[name] = run.phase(name)
            mirror(store)
    store.compact()
    failed = sum(store.trials()["status"].isin(["error", "timeout"]))
    total, searching = sum(left.values()), left.get("search", 0) > 0
    return SweepResult(
        total, failed, stop.interrupted, total > 0 and not stop.interrupted, searching
    )


def missing(study: Study, catalog: Catalog, store: Store, groups: Iterable[Group]) -> list[Group]:
    """Return the groups of which the store lacks a row: plan minus store."""
    known = store.keys()
    identities = _identities(study, catalog)
    return [
        group
        for group in groups
        if any(key.hash() not in known for key in group.keys(identities[_pair(group)]))
    ]


class _Run:
    """One sweep under way: the glue between plan, dealer, engine and store."""

    def __init__(
        self,
        study: Study,
        catalog: Catalog,
        store: Store,
        engine: Engine,
        observer: Observer,
        stop: Stop,
    ) -> None:
        self._study, self._catalog, self._store = study, catalog, store
        self._engine, self._observer, self._stop = engine, observer, stop
        self._identities = _identities(study, catalog)
        self._dealer: Dealer | None = None
        self._seconds, self._runs = 0.0, 0

    def phase(self, name: str) -> int:
        """Run the missing groups of a phase, unless the user has stopped; return the runs left."""
        plan = planned(self._study, self._catalog, self._store.rows(), name)
        groups = self._missing(plan)
        if not self._stop.interrupted:
            total = _runs(plan)
            self._observer.phase(name, total, total - _runs(groups))
            if name != "search":
                self._stop.reserve = 0.0
            if name == "confirm":
                self.trivial()
            if groups:
                self._run(name, groups)
        return _runs(self._missing(plan))

    def _run(self, name: str, groups: list[Group]) -> None:
        self._dealer = self._deal(name, groups)
        alone = name == "timing"
        arguments = self._study, self._catalog, self._dealer, self._take, self._stop
        self._engine.run(Work(*arguments, alone))
        self._store.flush()

    def _deal(self, name: str, groups: list[Group]) -> Dealer:
        if name != "search" or not self._study.adaptive:
            return ListDealer(groups, self._job)
        mine = cells(self._study, self._catalog.tasks)
        absent = set(groups).__contains__
        return AdaptiveDealer(self._study, mine, self._catalog.specs, self._store, absent)

    def _missing(self, plan: list[Group]) -> list[Group]:
        return missing(self._study, self._catalog, self._store, plan)

    def trivial(self) -> None:
        """Store what each task's constant predictors reach."""
        trials = self._store.trials()
        known = set(trials.loc[trials["phase"] == "trivial", "task"])
        rows: list[Row] = []
        for name in (name for name in self._study.task if name not in known):
            task = self._catalog.tasks[name]
            val, test = task.trivial("val"), task.trivial("test")
            identity, code = task.fingerprint(), self._catalog.code(name)
            rows += [
                trivial_row(self._study, identity, name, kind, val[kind], test[kind], code)
                for kind in val
            ]
        self._store.append(rows, [])

    def _job(self, group: Group) -> Job:
        return Job(group, configuration_of(self._study, self._catalog, self._store, group))

    def _take(self, job: Job, outcomes: list[Outcome]) -> None:
        """Store a group's rows; this is the only way into the store."""
        identity = self._identities[_pair(job.group)]
        code = self._catalog.code(job.group.cell.task, job.group.cell.optimizer)
        trials, curves = group_rows(
            self._study, identity, job.group, job.configuration, outcomes, code
        )
        fresh = self._store.append(trials, curves, probe_rows(identity, job.group, outcomes))
        self._seconds += sum(row["seconds"] + row["probe_seconds"] for row in fresh)
        self._runs += len(fresh)
        if self._dealer:
            self._dealer.settle(job, fresh)
        self._reserve(job.group)
        self._observer.rows(fresh)

    def _reserve(self, group: Group) -> None:
        """Keep enough of the deadline for the confirm phase, judged by the runs so far."""
        if group.phase == "search" and self._runs:
            runs = (self._study.substudies + 1) * self._study.confirm_seeds
            runs *= len(cells(self._study, self._catalog.tasks))
            seconds = self._seconds / self._runs * self._stop.confirm_share
            self._stop.reserve = runs * seconds / self._engine.workers


def _runs(groups: Iterable[Group]) -> int:
    return sum(len(group.seeds) for group in groups)


def _identities(study: Study, catalog: Catalog) -> dict[tuple[str, str], str]:
    return {
        (task, optimizer): cell_identity(study, catalog.tasks[task], catalog.specs[optimizer])
        for task in study.task
        for optimizer in study.optimizer
    }


def _pair(group: Group) -> tuple[str, str]:
    return group.cell.task, group.cell.optimizer
