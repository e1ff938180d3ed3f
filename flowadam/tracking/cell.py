"""What MLflow is to hold of one cell: its winner's values, its scores and its counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from statistics import fmean, stdev
from typing import Any

from scipy import stats

from flowadam.rows import Row
from flowadam.study import Study
from flowadam.winners import Election

CURVE = "val_best_so_far"
STATUSES = ("ok", "diverged", "timeout", "error")
LEVEL = 0.95
MAX_PARAM = 5000


def winner(election: Election) -> int | None:
    """Return the configuration with the lowest score of all that were elected."""
    return min(election.elected, key=lambda c: (election.scores[c], c), default=None)


def curve(election: Election) -> dict[int, float]:
    """Return the lowest score among configurations 1..n, by n, once there is a finite one."""
    scores = (election.scores[n] for n in range(1, election.complete + 1))
    return {n: low for n, low in enumerate(accumulate(scores, min), 1) if math.isfinite(low)}


def cell_params(best: int | None, rows: Sequence[Row]) -> dict[str, str]:
    """Return the values of the configuration `best` by name, as text."""
    found = [row for row in rows if row["phase"] == "search" and row["config"] == best]
    return {
        name.removeprefix("p."): str(value)[:MAX_PARAM]
        for name, value in (found[0].items() if found else ())
        if name.startswith("p.") and not _missing(value)
    }


def cell_metrics(
    study: Study, election: Election, best: int | None, rows: Sequence[Row]
) -> dict[str, float]:
    """Return the numbers of a cell, all finite.

    ``val`` and ``val_default`` are search scores; ``test_mean`` with its 95 % Student interval
    ``test_low``, ``test_high`` is over the ``test_n`` confirm runs of the winner that ended well.
    Counts cover all phases.
    """
    counts = Counter(row["status"] for row in rows)
    metrics: dict[str, float] = {
        "configurations": election.trials,
        "grad_evals_mean": fmean(row["grad_evals"] for row in rows),
        **{f"runs_{status}": counts[status] for status in STATUSES},
        **_confirmed(study, best, rows),
        "val_default": election.scores.get(0, math.inf),
        "val": math.inf if best is None else election.scores[best],
    }
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def _confirmed(study: Study, best: int | None, rows: Sequence[Row]) -> dict[str, float]:
    mine = [row for row in rows if row["phase"] == "confirm" and row["config"] == best]
    values = [row[f"test_{study.selection}"] for row in mine if row["status"] == "ok"]
    values = [value for value in values if not _missing(value) and math.isfinite(value)]
    if not mine:
        return {}
    if not values:
        return {"test_n": 0}
    found = {"test_mean": fmean(values), "test_n": len(values)}
    if len(values) > 1:
        n = len(values)
        half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * stdev(values) / math.sqrt(n)
        found |= {"test_low": found["test_mean"] - half, "test_high": found["test_mean"] + half}
    return found


def _missing(value: Any) -> bool:
    return value is None or value != value
