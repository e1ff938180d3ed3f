"""Who deals the jobs: a fixed list, or Optuna samplers that learn from what was run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from flowadam.plan import Cell, Group
from flowadam.rows import Row
from flowadam.spec import OptimizerSpec
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep.cell_dealer import CellDealer
from flowadam.sweep.job import Job

CELL_COLUMNS = ("task", "optimizer", "budget")


class ListDealer:
    """Deals groups in their order; a group's configuration is made when its turn comes.

    Args:
        make: ``make(group)`` returns the job that runs the group.
    """

    def __init__(self, groups: Iterable[Group], make: Callable[[Group], Job]) -> None:
        self._groups, self._make = deque(groups), make

    def next_job(self) -> Job | None:
        return self._make(self._groups.popleft()) if self._groups else None

    def settle(self, job: Job, rows: list[Row]) -> None:
        """A list learns nothing."""

    @property
    def ready(self) -> int:
        return len(self._groups)

    @property
    def exhausted(self) -> bool:
        return not self._groups


class AdaptiveDealer:
    """Deals every cell's next batch as soon as its last one is told.

    Args:
        missing: says whether a group still has to run.
    """

    def __init__(
        self,
        study: Study,
        cells: list[Cell],
        specs: Mapping[str, OptimizerSpec],
        store: Store,
        missing: Callable[[Group], bool],
    ) -> None:
        rows = [row for row in store.rows() if row["phase"] == "search"]
        asked = store.notes("asked")
        self._cells = {
            cell: CellDealer(study, cell, specs[cell.optimizer], store, missing) for cell in cells
        }
        for cell, dealer in self._cells.items():
            name = [cell.task, cell.optimizer, cell.budget]
            mine = [row for row in rows if [row[k] for k in CELL_COLUMNS] == name]
            dealer.begin([event["points"] for event in asked if event["cell"] == name], mine)

    def next_job(self) -> Job | None:
        waiting = [dealer for dealer in self._cells.values() if dealer.ready]
        if not waiting:
            return None
        return min(waiting, key=lambda dealer: dealer.ready[0].group.config).ready.popleft()

    def settle(self, job: Job, rows: list[Row]) -> None:
        self._cells[job.group.cell].settle(job, rows)

    @property
    def ready(self) -> int:
        return sum(len(dealer.ready) for dealer in self._cells.values())

    @property
    def exhausted(self) -> bool:
        return all(dealer.exhausted for dealer in self._cells.values())
