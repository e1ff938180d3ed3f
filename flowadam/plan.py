"""The plan: which groups a study consists of, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise, product

from flowadam.space import digest
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.task import Task

CONFIRM_SEED_START = 1_000_000


@dataclass(frozen=True, order=True)
class Cell:
    """One task, one optimizer, one budget: where configurations compete."""

    task: str
    optimizer: str
    budget: int


@dataclass(frozen=True)
class TrialKey:
    """Identity of one run; its hash names the row.

    Args:
        identity: hash of study seed, protocol, the cell's space and the task's data.
        contained: as in `Group`.
    """

    identity: str
    phase: str
    task: str
    optimizer: str
    budget: int
    config: int
    seed: int
    contained: str = ""

    def hash(self) -> str:
        parts = asdict(self)
        if not self.contained:
            del parts["contained"]  # studies made before it existed keep their keys
        return digest(parts)


@dataclass(frozen=True)
class Group:
    """The unit of execution: one configuration on one block of seeds, run stacked.

    Args:
        contained: of an inclusion group, the optimizer whose configuration it is; empty for the
            one that the container's spec names first, and in other phases.
    """

    phase: str
    cell: Cell
    config: int
    seeds: tuple[int, ...]
    contained: str = ""

    def keys(self, identity: str) -> list[TrialKey]:
        cell = self.cell
        return [
            TrialKey(
                identity,
                self.phase,
                cell.task,
                cell.optimizer,
                cell.budget,
                self.config,
                seed,
                self.contained,
            )
            for seed in self.seeds
        ]


def cells(study: Study, tasks: Mapping[str, Task]) -> list[Cell]:
    """Return every cell of the study, optimizers varying fastest."""
    return [
        Cell(task, optimizer, budget)
        for task in study.task
        for budget in study.budgets(task) or (tasks[task].budget,)
        for optimizer in study.optimizer
    ]


def cell_identity(study: Study, task: Task, spec: OptimizerSpec) -> str:
    """Hash of all that fixes the numbers of a cell, so that a changed space is another cell."""
    return digest([study.identity(), task.fingerprint(), spec.fingerprint()])


def search_plan(study: Study, tasks: Mapping[str, Task]) -> Iterator[Group]:
    """Yield the search groups: configuration by configuration, across all cells.

    Any prefix of the order is balanced: no cell is more than one configuration ahead of another.
    Configuration 0 is the default, 1..N are sampled.
    """
    blocks = seed_blocks(study.search_blocks)
    for config in range(study.trials + 1):
        for cell, block in product(cells(study, tasks), blocks):
            yield Group("search", cell, config, block)


def confirm_plan(study: Study, winners: Mapping[Cell, Sequence[int]]) -> Iterator[Group]:
    """Yield the confirm groups: the default and every sub-study's winner on fresh seeds.

    Search seeds count from 0, confirm seeds from one million, so the two never meet.
    """
    blocks = seed_blocks(study.confirm_blocks, CONFIRM_SEED_START)
    rounds = max((len(found) for found in winners.values()), default=0)
    for round_ in range(rounds):
        for cell, found in winners.items():
            if round_ < len(found):
                for block in blocks:
                    yield Group("confirm", cell, found[round_], block)


def sensitivity_plan(
    study: Study, tasks: Mapping[str, Task], specs: Mapping[str, OptimizerSpec]
) -> Iterator[Group]:
    """Yield the Morris designs, trajectory by trajectory across the cells, on the search seeds."""
    chosen = study.sensitive or [o for o in study.optimizer if o not in study.control]
    mine = [cell for cell in cells(study, tasks) if cell.optimizer in chosen]
    for trajectory, cell in product(range(study.trajectories), mine):
        size = len(specs[cell.optimizer].space) + 1
        for place, block in product(range(size), seed_blocks(study.search_blocks)):
            yield Group("sensitivity", cell, trajectory * size + place + 1, block)


def timing_plan(study: Study, best: Mapping[Cell, int]) -> Iterator[Group]:
    """Yield single runs of every cell's best winner, in rounds so that drift meets all alike."""
    for repeat, (cell, config) in product(range(study.repeats), best.items()):
        yield Group("timing", cell, config, (CONFIRM_SEED_START + repeat,))


def inclusion_plan(
    study: Study, specs: Mapping[str, OptimizerSpec], winners: Mapping[Cell, Sequence[int]]
) -> Iterator[Group]:
    """Yield a group per contained optimizer: the container set to the other's first winner."""
    for cell, name in product(winners, specs):
        first = next((config for config in winners[cell] if config > 0), None)
        others = [i.other for i in specs[name].includes]
        if cell.optimizer in others and first is not None:
            container = Cell(cell.task, name, cell.budget)
            contained = cell.optimizer if cell.optimizer != others[0] else ""
            for block in seed_blocks(study.confirm_blocks, CONFIRM_SEED_START):
                yield Group("inclusion", container, first, block, contained)


def seed_blocks(sizes: Sequence[int], start: int = 0) -> list[tuple[int, ...]]:
    """Split consecutive seeds from `start` into blocks of the given sizes."""
    ends = list(accumulate(sizes, initial=start))
    return [tuple(range(a, b)) for a, b in pairwise(ends)]
