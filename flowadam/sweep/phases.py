"""The phases of a sweep: search, confirm, and what both leave in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flowadam.errors import FlowAdamError
from flowadam.optuna_bridge import from_optuna
from flowadam.outcome import Outcome
from flowadam.plan import (
    Cell,
    Group,
    cell_identity,
    cells,
    confirm_plan,
    inclusion_plan,
    search_plan,
)
from flowadam.rows import Row, group_rows, probe_rows, trivial_row
from flowadam.sampling import Configuration, configuration, make_configuration
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep.dealers import AdaptiveDealer, ListDealer
from flowadam.sweep.job import Catalog, Dealer, Engine, Job, Observer
from flowadam.sweep.stop import Stop
from flowadam.winners import winners

Mirror = Callable[[Store], object]


@dataclass(frozen=True)
class SweepResult:
    """What a sweep leaves: runs still missing by phase, and runs that failed.

    Args:
        left: missing runs; confirm runs are counted once the search is complete.
        failed: runs of status "error" or "timeout" in the store.
        interrupted: the user stopped it.
        late: the deadline stopped it.
    """

    left: int
    failed: int
    interrupted: bool
    late: bool


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
    """Run whatever `store` lacks of `study`: search, then confirm, then the test part is read.

    Args:
        study: already merged with the store's own study and saved there.
        mirror: called with the store after each phase.
    """
    run = _Run(study, catalog, store, engine, observer, stop)
    run.phase("search", run.missing(search_plan(study, catalog.tasks)))
    mirror(store)
    search_left = run.count(search_plan(study, catalog.tasks))
    if not stop.interrupted:
        stop.reserve = 0.0
        run.trivial()
        run.phase("confirm", run.missing(run.confirm_groups()))
        mirror(store)
    store.compact()
    left = search_left + run.count(run.confirm_groups())
    failed = sum(store.trials()["status"].isin(["error", "timeout"]))
    return SweepResult(left, failed, stop.interrupted, late=left > 0 and not stop.interrupted)


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

    def missing(self, groups: Iterable[Group]) -> list[Group]:
        return missing(self._study, self._catalog, self._store, groups)

    def count(self, groups: Iterable[Group]) -> int:
        return sum(len(group.seeds) for group in self.missing(groups))

    def winners(self) -> Mapping[Cell, Sequence[int]]:
        """Return what is to be confirmed in each of the study's cells.

        Cells of an earlier budget may stop at a smaller N, which is nothing to the present ones.
        """
        mine = cells(self._study, self._catalog.tasks)
        rows = [
            row
            for row in self._store.rows()
            if Cell(row["task"], row["optimizer"], row["budget"]) in mine
        ]
        found = winners(self._study, rows)
        return {cell: found.get(cell, []) for cell in mine}

    def confirm_groups(self) -> list[Group]:
        found = self.winners()
        included = inclusion_plan(self._study, self._catalog.specs, found)
        return [*confirm_plan(self._study, found), *included]

    def phase(self, name: str, groups: list[Group]) -> None:
        """Run the missing groups of a phase."""
        total = self._total(name)
        self._observer.phase(name, total, total - sum(len(g.seeds) for g in groups))
        if not groups:
            return
        if name == "search" and self._study.adaptive:
            absent = set(groups)
            self._dealer = AdaptiveDealer(
                self._study,
                cells(self._study, self._catalog.tasks),
                self._catalog.specs,
                self._store,
                absent.__contains__,
            )
        else:
            self._dealer = ListDealer(groups, self._job)
        self._engine.run(self._study, self._catalog, self._dealer, self._take, self._stop)
        self._store.flush()

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
            runs *= len(self._study.task) * len(self._study.optimizer)
            self._stop.reserve = runs * self._seconds / self._runs / self._engine.workers

    def _total(self, name: str) -> int:
        groups = (
            search_plan(self._study, self._catalog.tasks)
            if name == "search"
            else self.confirm_groups()
        )
        return sum(len(group.seeds) for group in groups)


def configuration_of(study: Study, catalog: Catalog, store: Store, group: Group) -> Configuration:
    """Return the configuration that a group of any phase runs.

    Raises:
        FlowAdamError: an adaptive study's ledger does not hold the point.
    """
    cell, spec = group.cell, catalog.specs[group.cell.optimizer]
    if group.phase == "inclusion":
        return _included(study, catalog, store, group)
    if study.adaptive and group.config:
        name = [cell.task, cell.optimizer, cell.budget]
        for event in store.notes("asked"):
            points = dict(event["points"]) if event["cell"] == name else {}
            if group.config in points:
                values = from_optuna(spec.space, points[group.config])
                return make_configuration(spec.space, group.config, values, spec.fixed)
        raise FlowAdamError(f"The ledger lacks configuration {group.config} of {cell}.")
    return configuration(study, cell, spec, group.config)


def _included(study: Study, catalog: Catalog, store: Store, group: Group) -> Configuration:
    """Return the container's configuration that is the other optimizer's winner."""
    spec = catalog.specs[group.cell.optimizer]
    named = [i for i in spec.includes if i.other == group.contained]
    inclusion = named[0] if named else spec.includes[0]
    cell = Cell(group.cell.task, inclusion.other, group.cell.budget)
    other = configuration_of(study, catalog, store, Group("search", cell, group.config, ()))
    return Configuration(
        group.config, {**spec.defaults, **other.values, **inclusion.overrides}, other.unit
    )


def _identities(study: Study, catalog: Catalog) -> dict[tuple[str, str], str]:
    return {
        (task, optimizer): cell_identity(study, catalog.tasks[task], catalog.specs[optimizer])
        for task in study.task
        for optimizer in study.optimizer
    }


def _pair(group: Group) -> tuple[str, str]:
    return group.cell.task, group.cell.optimizer
