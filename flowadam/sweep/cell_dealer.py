"""One cell of an adaptive search: its sampler, its open batches and its jobs."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from statistics import fmean
from typing import Any

from flowadam.optuna_bridge import CellSampler, from_optuna
from flowadam.plan import Cell, Group, seed_blocks
from flowadam.rows import Row
from flowadam.sampling import make_configuration
from flowadam.seeds import derive
from flowadam.space import Value
from flowadam.spec import OptimizerSpec
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep.job import Job
from flowadam.training import one_thread
from flowadam.winners import run_score

Point = tuple[int, dict[str, Any]]


class CellDealer:
    """Asks for a batch, has it run, tells it, asks for the next.

    A batch is in the ledger before it runs, and is told in the order of its numbers when all its
    groups are in the store, so the points never depend on which worker finished first.

    Args:
        missing: says whether a group still has to run.

    Attributes:
        ready: jobs to be dealt.
    """

    def __init__(
        self,
        study: Study,
        cell: Cell,
        spec: OptimizerSpec,
        store: Store,
        missing: Callable[[Group], bool],
    ) -> None:
        self._cell, self._study, self._spec = cell, study, spec
        self._store, self._missing = store, missing
        axes = (study.seed, "ask", cell.task, cell.optimizer)
        self._sampler = CellSampler(spec.space, study.sampler, lambda n: derive(*axes, n))
        self._batches: deque[list[int]] = deque()
        self._waiting: dict[int, set[Group]] = {}
        self._scores: dict[int, list[float]] = defaultdict(list)
        self._asked = 0
        self.ready: deque[Job] = deque()

    @property
    def exhausted(self) -> bool:
        return not self._waiting

    def begin(self, batches: list[list[Point]], rows: list[Row]) -> None:
        """Take up the record: the default first, then every batch asked before."""
        for row in rows:
            self._scores[row["config"]].append(run_score(self._study, row))
        self._enqueue(0, dict(self._spec.defaults))
        for points in batches:
            for number, params in points:
                self._sampler.restore(number, params)
            self._open(points)
            self._tell()
        self._ask()

    def settle(self, job: Job, rows: list[Row]) -> None:
        """Learn that a job's rows are in the store."""
        config = job.group.config
        self._scores[config] += [run_score(self._study, row) for row in rows]
        self._waiting[config].discard(job.group)
        if not self._waiting[config]:
            del self._waiting[config]
        self._tell()
        self._ask()

    def _tell(self) -> None:
        """Tell the batches that are complete, in order."""
        while self._batches and not any(n in self._waiting for n in self._batches[0]):
            for number in self._batches.popleft():
                self._sampler.tell(number, fmean(self._scores.pop(number)))

    def _ask(self) -> None:
        """Ask for the next batch when none is open."""
        if self._batches or self._asked >= self._study.trials:
            return
        last = min(self._asked + self._study.batch, self._study.trials)
        with one_thread():  # the Gaussian process slows down by more threads
            points = [(n, self._sampler.ask(n)) for n in range(self._asked + 1, last + 1)]
        cell = [self._cell.task, self._cell.optimizer, self._cell.budget]
        self._store.note({"event": "asked", "cell": cell, "points": points})
        self._open(points)

    def _open(self, points: list[Point]) -> None:
        self._batches.append([number for number, _ in points])
        self._asked = max(self._asked, *self._batches[-1])
        for number, params in points:
            self._enqueue(number, from_optuna(self._spec.space, params))

    def _enqueue(self, number: int, values: dict[str, Value]) -> None:
        point = make_configuration(self._spec.space, number, values, self._spec.fixed)
        blocks = seed_blocks(self._study.search_blocks)
        groups = [Group("search", self._cell, number, block) for block in blocks]
        absent = [group for group in groups if self._missing(group)]
        if absent:
            self._waiting[number] = set(absent)
            self.ready.extend(Job(group, point) for group in absent)
