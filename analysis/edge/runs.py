"""The runs of a rod flow study, read from its store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from flowadam.store import Store
from flowadam.winners import in_study

FLOWS = {"stable": "stable flow", "matrix": "rod flow (matrix, rank 2)", "rod": "alternating rod"}
"""The flows by the names of their readings, and what figures and tables call them."""


@dataclass(frozen=True)
class Series:
    """A reading along a run; nan where there is none.

    Args:
        steps: optimizer steps, ascending.
        values: as many.
        ending: the message of the last reading, such as how a flow ended.
    """

    steps: tuple[int, ...]
    values: tuple[float, ...]
    ending: str = ""

    @property
    def last(self) -> float:
        return self.values[-1] if self.values else math.nan


NOTHING = Series((), ())


@dataclass(frozen=True)
class TrackedRun:
    """One method from one start, with its flows.

    Args:
        lr, beta1: the rate and the momentum, nan where they are not known.
        status: of the run.
        readings: by the name of the probe.
        loss: training loss at the marks.
    """

    task: str
    optimizer: str
    seed: int
    lr: float
    beta1: float
    status: str
    readings: Mapping[str, Series]
    loss: Series

    def series(self, name: str) -> Series:
        """Return a reading along the run, empty where it was not read."""
        return self.readings.get(name, NOTHING)

    @cached_property
    def onset(self) -> float:
        """The step at which S reached S*, nan where it did not."""
        known = [v for v in self.series("onset").values if math.isfinite(v)]
        return known[-1] if known else math.nan

    def error(self, flow: str) -> float:
        """Return the mean error since the onset, nan without one.

        A rod that has ended has an error of infinity. A stable flow that has ended keeps the mean
        over the steps that it lasted, where its error was still smaller.
        """
        if math.isnan(self.onset):
            return math.nan
        if flow != "stable" and self.ending(flow):
            return math.inf
        return self.series(f"{flow}_mean").last

    def ratio(self, flow: str) -> float:
        """Return the mean error of a flow over that of the stable flow."""
        return self.error(flow) / self.error("stable")

    def ending(self, flow: str) -> str:
        """Return how a flow ended, "" where it lasted."""
        return self.series(f"{flow}_error").ending


def read_runs(folder: Path) -> list[TrackedRun]:
    """Return the runs of a study's folder in the order of the study, none where there is none."""
    if not (folder / "study.toml").exists():
        return []
    store = Store(folder)
    study = store.study
    order = study.optimizer
    # A folder may hold runs of another length, from before the study was changed.
    rows = [row for row in store.trials().to_dict("records") if in_study(study, row)]
    kept = {(row["task"], row["optimizer"], row["seed"]): row for row in rows}
    probes = dict(iter(store.probes().groupby("key", sort=False)))
    curves = dict(iter(store.curves().groupby("key", sort=False)))
    runs = [_run(r, probes.get(r["key"]), curves.get(r["key"])) for r in kept.values()]
    return sorted(runs, key=lambda run: (order.index(run.optimizer), run.seed))


def _run(
    row: Mapping[Any, Any], probes: pd.DataFrame | None, curve: pd.DataFrame | None
) -> TrackedRun:
    named = [] if probes is None else probes.groupby("probe", sort=False)
    return TrackedRun(
        task=row["task"],
        optimizer=row["optimizer"],
        seed=int(row["seed"]),
        lr=float(row.get("p.opt.lr", math.nan)),
        beta1=float(row.get("p.opt.beta1", math.nan)),
        status=row["status"],
        readings={str(name): _series(part, "value") for name, part in named},
        loss=NOTHING if curve is None else _series(curve, "loss"),
    )


def _series(rows: pd.DataFrame, column: str) -> Series:
    ordered = rows.sort_values("grad_evals")
    ending = ordered["message"].iloc[-1] if "message" in ordered else ""
    steps, values = ordered["grad_evals"].tolist(), ordered[column].tolist()
    return Series(tuple(steps), tuple(map(float, values)), ending)
