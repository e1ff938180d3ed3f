"""The numbers of a claim, from its studies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flowadam.audit.claims import Claim
from flowadam.audit.forms import Form
from flowadam.audit.plan import source
from flowadam.plan import Cell
from flowadam.store import Store
from flowadam.winners import elections


@dataclass(frozen=True)
class Reading:
    """One run.

    Args:
        value: the claim's metric, lower is better; None unless the run ended well.
        gradients: evaluations that it took, charged or not.
        steps, flow_steps: as the store has them; 0 where they are not known.
        message: why a run did not end well.
    """

    task: str
    contender: str
    seed: int
    value: float | None
    gradients: float
    steps: int = 0
    flow_steps: int = 0
    message: str = ""


Readings = list[Reading]
"""The runs of a claim in one form."""


def read_form(claim: Claim, form: Form, folder: Path) -> Readings:
    """Return the runs that a form reads from the claim's folder; none where there is no study.

    Where equal penalties leave a contender as it was, its runs are those of the published ones.
    """
    name = source(claim, form)
    found = _study(claim, form, folder / name)
    if name == "penalty" and found:
        have = {reading.contender for reading in found}
        found += [r for r in _study(claim, form, folder / "protocol") if r.contender not in have]
    return found


def _study(claim: Claim, form: Form, folder: Path) -> Readings:
    if not (folder / "study.toml").exists():
        return []
    store = Store(folder)
    trials = store.trials()
    rows = trials.loc[trials["phase"] == "confirm"]
    winners = _winners(store) if form.tuned else None
    values = _probed(claim, form, store) if claim.probe else rows[f"test_{form.selection}"]
    found: Readings = []
    for row, value in zip(rows.to_dict("records"), values, strict=True):
        cell = Cell(row["task"], row["optimizer"], row["budget"])
        if row["config"] == (0 if winners is None else winners.get(cell)):
            found.append(_reading(row, value))
    return found


def _reading(row: dict[Any, Any], value: float) -> Reading:
    good = row["status"] == "ok" and not math.isnan(value)
    return Reading(
        row["task"],
        row["optimizer"],
        int(row["seed"]),
        float(value) if good else None,
        float(row["grad_evals"]),
        int(row["steps"]),
        int(row["flow_steps"]),
        row["message"] or "",
    )


def failed_searches(claim: Claim, form: Form, folder: Path) -> set[tuple[str, str]]:
    """Return (task, contender) of every search that a form rests on and that found no winner."""
    where = folder / source(claim, form)
    if not form.tuned or not (where / "study.toml").exists():
        return set()
    store = Store(where)
    begun = {cell for cell, e in elections(store.study, store.rows()).items() if e.trials}
    return {(cell.task, cell.optimizer) for cell in begun - _winners(store).keys()}


def _winners(store: Store) -> dict[Cell, int]:
    """Return the winner of the search in every cell that has one.

    The published settings, configuration 0, are one of the candidates: who tunes would not leave
    them out, and a search of few configurations may find nothing as good.
    """
    found: dict[Cell, int] = {}
    for cell, e in elections(store.study, store.rows()).items():
        scores = {c: e.scores[c] for c in range(e.trials + 1) if c in e.scores}
        best = min(scores, key=lambda c: (scores[c], c), default=None)
        if e.trials and best is not None and math.isfinite(scores[best]):
            found[cell] = best
    return found


def _probed(claim: Claim, form: Form, store: Store) -> pd.Series:
    """Return what the probe read at the state that the form scores, nan where it read nothing."""
    curves, probes = store.curves(), store.probes()
    probes = probes.loc[probes["probe"] == claim.probe].set_index(["key", "grad_evals"])["value"]
    ordered = curves.sort_values(["val" if form.selection == "best" else "grad_evals"])
    marks = ordered.groupby("key")["grad_evals"]
    marks = marks.first() if form.selection == "best" else marks.last()
    trials = store.trials()
    keys = trials.loc[trials["phase"] == "confirm", "key"]
    places = [(key, marks.get(key)) for key in keys]
    return pd.Series([float(probes.get(place, math.nan)) for place in places], index=keys.index)


def trivial(claim: Claim, folder: Path) -> dict[str, tuple[str, float]]:
    """Return the best trivial predictor of each task by validation: its name and test metric."""
    where = folder / "protocol"
    if claim.probe or not (where / "study.toml").exists():
        return {}
    rows = Store(where).trials()
    rows = rows.loc[rows["phase"] == "trivial"].sort_values("val_best")
    best = rows.groupby("task", sort=False).first()
    return {str(t): (str(r["optimizer"]), float(r["test_best"])) for t, r in best.iterrows()}
