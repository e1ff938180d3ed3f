"""Who deals the jobs: a fixed list, or Optuna samplers that learn from what was run."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from statistics import fmean

from flowadam.optuna_bridge import CellSampler
from flowadam.plan import Cell, Group, seed_blocks
from flowadam.rows import Row
from flowadam.sampling import make_configuration
from flowadam.seeds import derive
from flowadam.space import Value
from flowadam.spec import OptimizerSpec
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep.job import Job
from flowadam.winners import run_score

Missing = Callable[[Group], bool]
Point = tuple[int, dict[str, Value]]
CELL_COLUMNS = ("task", "optimizer", "budget")


class ListDealer:
    """Deals jobs in their order."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = deque(jobs)

    def next_job(self) -> Job | None:
        return self._jobs.popleft() if self._jobs else None

    def settle(self, job: Job, rows: list[Row]) -> None:
        """A list learns nothing."""

    @property
    def exhausted(self) -> bool:
        return not self._jobs


class AdaptiveDealer:
    """Deals every cell's next batch as soon as its last one is told.

    A batch is in the ledger before it runs, and is told in the order of its numbers when all its
    groups are in the store, so the points never depend on which worker finished first.

    Args:
        missing: says whether a group still has to run.
    """

    def __init__(
        self,
        study: Study,
        cells: list[Cell],
        specs: Mapping[str, OptimizerSpec],
        store: Store,
        missing: Missing,
    ) -> None:
        rows = [row for row in store.rows() if row["phase"] == "search"]
        asked = store.notes("asked")
        self._cells = {
            cell: _CellDealer(study, cell, specs[cell.optimizer], store, missing) for cell in cells
        }
        for cell, dealer in self._cells.items():
            name = [cell.task, cell.optimizer, cell.budget]
            mine = [row for row in rows if [row[k] for k in CELL_COLUMNS] == name]
            dealer.begin([event["points"] for event in asked if event["cell"] == name], mine)

    def next_job(self) -> Job | None:
        ready = [dealer for dealer in self._cells.values() if dealer.ready]
        if not ready:
            return None
        return min(ready, key=lambda dealer: dealer.ready[0].group.config).ready.popleft()

    def settle(self, job: Job, rows: list[Row]) -> None:
        self._cells[job.group.cell].settle(job, rows)

    @property
    def exhausted(self) -> bool:
        return all(dealer.exhausted for dealer in self._cells.values())


class _CellDealer:
    """One cell's sampler, its batches that are asked and not told, and its jobs."""

    def __init__(
        self, study: Study, cell: Cell, spec: OptimizerSpec, store: Store, missing: Missing
    ) -> None:
        self._cell, self._study, self._spec = cell, study, spec
        self._store, self._missing = store, missing
        axes = (study.seed, "ask", cell.task, cell.optimizer)
        self._sampler = CellSampler(spec.space, study.sampler, lambda n: derive(*axes, n))
        self._batches: deque[list[int]] = deque()
        self._waiting: dict[int, set[Group]] = defaultdict(set)
        self._scores: dict[int, list[float]] = defaultdict(list)
        self._asked = 0
        self.ready: deque[Job] = deque()

    @property
    def exhausted(self) -> bool:
        return not any(self._waiting.values())

    def begin(self, batches: list[list[Point]], rows: list[Row]) -> None:
        """Take up the record: the default first, then every batch asked before."""
        for row in rows:
            self._scores[row["config"]].append(run_score(self._study, row))
        self._enqueue(0, dict(self._spec.defaults))
        for points in batches:
            for number, values in points:
                self._sampler.restore(number, values)
            self._open(points)
        self._advance()

    def settle(self, job: Job, rows: list[Row]) -> None:
        config = job.group.config
        self._waiting[config].discard(job.group)
        self._scores[config] += [run_score(self._study, row) for row in rows]
        self._advance()

    def _advance(self) -> None:
        """Tell the batches that are complete, in order; ask for the next when none is open."""
        while self._batches and not any(self._waiting[n] for n in self._batches[0]):
            for number in self._batches.popleft():
                self._sampler.tell(number, fmean(self._scores[number]))
        if not self._batches and self._asked < self._study.trials:
            last = min(self._asked + self._study.batch, self._study.trials)
            points = [(n, self._sampler.ask(n)) for n in range(self._asked + 1, last + 1)]
            cell = [self._cell.task, self._cell.optimizer, self._cell.budget]
            self._store.note({"event": "asked", "cell": cell, "points": points})
            self._open(points)

    def _open(self, points: list[Point]) -> None:
        self._batches.append([number for number, _ in points])
        self._asked = max(self._asked, *self._batches[-1])
        for number, values in points:
            self._enqueue(number, values)

    def _enqueue(self, number: int, values: dict[str, Value]) -> None:
        point = make_configuration(self._spec.space, number, values)
        for block in seed_blocks(self._study.search_blocks):
            group = Group("search", self._cell, number, block)
            if self._missing(group):
                self._waiting[number].add(group)
                self.ready.append(Job(group, point))
