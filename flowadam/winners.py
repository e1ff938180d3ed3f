"""Who won the search: scores, the largest common N, sub-studies and their winners."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from flowadam.plan import Cell
from flowadam.study import Study

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Election:
    """The outcome of the search in one cell.

    Args:
        scores: score of every configuration whose search seeds have all run; 0 is the default.
        complete: the largest n such that configurations 1..n have all run.
        trials: configurations 1..trials count, the same number in every cell that takes part;
            0 for a cell that has not started.
        winners: the winner of each sub-study, None where every configuration failed.
    """

    scores: Mapping[int, float]
    complete: int
    trials: int
    winners: tuple[int | None, ...]

    @property
    def elected(self) -> list[int]:
        """The winners that exist, in the order of the sub-studies."""
        return [config for config in self.winners if config is not None]

    @property
    def best(self) -> int | None:
        """The winner of all configurations that count: the lowest score, then the lowest index."""
        return min(self.elected, key=lambda config: (self.scores[config], config), default=None)


def winners(study: Study, trials: Rows) -> dict[Cell, list[int]]:
    """Return what each cell sends to the confirm phase: the default (0), then its winners.

    Args:
        trials: rows of the table `trials` as mappings.
    """
    return {cell: [0, *e.elected] for cell, e in elections(study, trials).items()}


def elections(study: Study, trials: Rows) -> dict[Cell, Election]:
    """Return the outcome of the search for every cell that has rows, in the order of the study.

    The score of a configuration is the mean of ``val_<selection>`` over its search seeds, +inf if
    any run is not ok. With N the largest common number of configurations (`common_trials`),
    configuration i belongs to sub-study ``(i - 1) mod min(K, N)``; the lowest finite score wins it
    and the lowest index breaks a tie.
    """
    scores = _scores(study, trials)
    complete = {cell: complete_trials(found) for cell, found in scores.items()}
    common = common_trials(complete.values())
    return {
        cell: Election(
            scores[cell],
            complete[cell],
            n := common if complete[cell] else 0,
            substudy_winners(scores[cell], n, study.substudies),
        )
        for cell in sorted(scores, key=lambda cell: _order(study, cell))
    }


def complete_trials(scores: Mapping[int, float]) -> int:
    """Return the largest n such that configurations 1..n all have a score."""
    return next(index for index in count(1) if index not in scores) - 1


def common_trials(complete: Iterable[int]) -> int:
    """Return the largest N that every cell has reached, over the cells that have started.

    A deadline leaves cells unevenly complete; equal effort then means the smallest of them. A cell
    whose first configuration has not run takes no part, so it cannot void the others.
    """
    return min((n for n in complete if n > 0), default=0)


def substudy_winners(
    scores: Mapping[int, float], trials: int, substudies: int
) -> tuple[int | None, ...]:
    """Return the winner of each of ``min(substudies, trials)`` disjoint parts of 1..trials."""
    parts = min(substudies, trials)
    return tuple(_lowest(scores, range(k + 1, trials + 1, parts)) for k in range(parts))


def _lowest(scores: Mapping[int, float], configs: Iterable[int]) -> int | None:
    finite = [(scores[c], c) for c in configs if math.isfinite(scores[c])]
    return min(finite)[1] if finite else None


def _scores(study: Study, trials: Rows) -> dict[Cell, dict[int, float]]:
    """Return the score of each configuration with a row for every search seed, by cell.

    Where a run stands twice (its space or data changed), the later row counts.
    """
    runs: dict[Cell, dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in trials:
        if row["phase"] == "search" and in_study(study, row):
            cell = Cell(row["task"], row["optimizer"], int(row["budget"]))
            runs[cell][int(row["config"])][int(row["seed"])] = run_score(study, row)
    wanted = set(range(study.seeds))
    return {
        cell: {
            c: _mean(by_seed, wanted) for c, by_seed in configs.items() if wanted <= set(by_seed)
        }
        for cell, configs in runs.items()
    }


def in_study(study: Study, row: Mapping[str, Any]) -> bool:
    """Say whether a row belongs to the study's tasks, optimizers and, if it names any, budgets."""
    if row["task"] not in study.task or row["optimizer"] not in study.optimizer:
        return False
    budgets = study.budgets(row["task"])
    return budgets is None or row["budget"] in budgets


def run_score(study: Study, row: Mapping[str, Any]) -> float:
    """Return a run's validation metric at the selected point, +inf unless it ended well."""
    value: float | None = row[f"val_{study.selection}"]
    if row["status"] != "ok" or value is None or not math.isfinite(value):
        return math.inf
    return float(value)


def _mean(by_seed: Mapping[int, float], seeds: set[int]) -> float:
    return math.fsum(by_seed[s] for s in seeds) / len(seeds)


def _order(study: Study, cell: Cell) -> tuple[int, int, int]:
    return study.task.index(cell.task), cell.budget, study.optimizer.index(cell.optimizer)
