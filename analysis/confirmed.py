"""Confirmed results: the test metric of each cell's winners on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.frames import Arena, Frames
from analysis.intervals import Estimate, mean_interval
from flowadam.plan import Cell

Readings = dict[int, dict[int, float]]


@dataclass(frozen=True)
class Confirmed:
    """What the confirm phase says about one optimizer in one arena.

    Args:
        winners: elected configurations that have confirm runs, in the order of the sub-studies.
        by_seed: seed -> test metric, averaged over the winners; seeds on which every winner's run
            ended well.
        by_winner: winner -> test metric, averaged over its good runs.
        best: the winner of all N configurations (lowest search score) and its estimate.
        default: estimate of the default configuration, None if it never ended well.
        search_score: mean search score of all elected configurations, for choices that must not
            look at confirm data; +inf without any.
        failed: confirm runs of winners that diverged, timed out or raised.
        missing: planned confirm runs of winners that are not there.
        default_failed: the same for the default as `failed`.
    """

    cell: Cell
    winners: tuple[int, ...]
    by_seed: Mapping[int, float]
    by_winner: Mapping[int, float]
    best: tuple[int, Estimate] | None
    default: Estimate | None
    search_score: float
    failed: int
    missing: int
    default_failed: int

    @property
    def test(self) -> Estimate | None:
        """Mean test metric over seeds, each seed averaged over the winners first."""
        return mean_interval(list(self.by_seed.values())) if self.by_seed else None

    @property
    def spread(self) -> float | None:
        """Standard deviation between the winners' means: what another tuning would change."""
        means = list(self.by_winner.values())
        return float(np.std(means, ddof=1)) if len(means) > 1 else None


def confirmed(frames: Frames, arena: Arena) -> list[Confirmed]:
    """Return the confirmed result of every optimizer of an arena, the focus first."""
    return [_confirmed(frames, cell) for cell in frames.cells(arena)]


def _confirmed(frames: Frames, cell: Cell) -> Confirmed:
    election = frames.elections[cell]
    rows = frames.rows("confirm", cell)
    read = readings(frames, rows)
    present = set(rows["config"])
    winners = tuple(config for config in election.elected if config in present)
    mine = rows.loc[rows["config"].isin(winners)]
    scores = [election.scores[config] for config in election.elected]
    return Confirmed(
        cell=cell,
        winners=winners,
        by_seed=_by_seed([read.get(config, {}) for config in winners]),
        by_winner={c: float(np.mean(list(read[c].values()))) for c in winners if c in read},
        best=_best(read, winners, election.scores),
        default=mean_interval(list(read[0].values())) if 0 in read else None,
        search_score=float(np.mean(scores)) if scores else math.inf,
        failed=int((mine["status"] != "ok").sum()),
        missing=len(election.elected) * frames.study.confirm_seeds - len(mine),
        default_failed=int((rows.loc[rows["config"] == 0, "status"] != "ok").sum()),
    )


def readings(frames: Frames, rows: pd.DataFrame) -> Readings:
    """Return configuration -> seed -> test metric at the selected point, for good runs only."""
    name = f"test_{frames.study.selection}"
    good = rows.loc[(rows["status"] == "ok") & rows[name].notna()]
    found: Readings = {}
    for config, seed, value in good[["config", "seed", name]].itertuples(index=False, name=None):
        found.setdefault(int(config), {})[int(seed)] = float(value)
    return found


def _by_seed(winners: Sequence[Mapping[int, float]]) -> dict[int, float]:
    seeds = set.intersection(*(set(w) for w in winners)) if winners else set()
    return {seed: float(np.mean([w[seed] for w in winners])) for seed in sorted(seeds)}


def _best(
    read: Readings, winners: Sequence[int], scores: Mapping[int, float]
) -> tuple[int, Estimate] | None:
    """Return the winner of all N and its estimate, unless none of its runs ended well."""
    if not winners:
        return None
    config = min(winners, key=lambda c: (scores[c], c))
    return (config, mean_interval(list(read[config].values()))) if config in read else None
