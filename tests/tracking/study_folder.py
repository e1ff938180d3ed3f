"""A small study written through the real store, with chosen scores, and a reader of MLflow."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from flowadam.outcome import Cost, Outcome, Scores
from flowadam.plan import Cell, Group, confirm_plan, search_plan
from flowadam.rows import group_rows, trivial_row
from flowadam.sampling import make_configuration
from flowadam.space import Float, Space
from flowadam.store import Store
from flowadam.study import Study
from flowadam.tracking.cell import CURVE
from flowadam.tracking.database import database, sqlite_uri
from flowadam.winners import winners

# MLflow 3.17 on SQLAlchemy 2.1.
QUIET = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
SPACE = Space((Float("opt.lr", 1e-4, 1e-1, "test", log=True), Float("task.penalty", 0, 1, "test")))
DIVERGED = 2  # this configuration always diverges
SMALL = Study(
    task=("bowl",), optimizer=("adam", "lion"), trials=5, confirm_seeds=4, budget=100, substudies=2
)


def score(cell: Cell, config: int) -> float:
    """Return the noise-free metric: it falls with the configuration's index."""
    return 1 / (config + 1) + (0.5 if cell.optimizer == "lion" else 0.0)


def values(config: int) -> dict[str, Any]:
    return {"opt.lr": 1e-4 * (config + 1), "task.penalty": 0.5}


def write_study(folder: Path, study: Study = SMALL, *, confirm: bool = True) -> Store:
    """Add what the folder lacks of `study` and return its store, open for reading."""
    store = Store(folder, write=True)
    store.save_study(study)
    if not store.notes("fingerprints"):
        store.note({"event": "fingerprints", "of": {f"task {name}": name for name in study.task}})
    groups = list(search_plan(study, {}))
    for group in groups:
        _append(store, study, group)
    if confirm:
        for group in confirm_plan(study, winners(study, store.trials().to_dict("records"))):
            _append(store, study, group)
    store.append([trivial_row(study, "t", name, "constant", 2.0, 2.0) for name in study.task], [])
    store.flush()
    store.close()
    return Store(folder)


def _append(store: Store, study: Study, group: Group) -> None:
    point = make_configuration(SPACE, group.config, values(group.config))
    outcomes = [_outcome(group, seed) for seed in group.seeds]
    store.append(*group_rows(study, "synthetic", group, point, outcomes))


def _outcome(group: Group, seed: int) -> Outcome:
    value = score(group.cell, group.config) + 1e-3 * (seed % 10)
    cost = Cost(grad_evals=group.cell.budget, steps=group.cell.budget, seconds=0.1)
    if group.config == DIVERGED:
        scores = Scores(val_best=math.inf, val_final=math.nan)
        return Outcome(seed, "diverged", "cpu", scores=scores, cost=cost, message="nan")
    test = (value, value) if group.phase == "confirm" else (None, None)
    return Outcome(seed, "ok", "cpu", scores=Scores(value, value, *test), cost=cost)


def grown(study: Study = SMALL, **changes: Any) -> Study:
    """Return the study with more trials, seeds, tasks or optimizers, as a sweep would grow it."""
    return study.grown(replace(study, search_blocks=(), confirm_blocks=(), **changes), "here")


def client_of(folder: Path) -> MlflowClient:
    return MlflowClient(sqlite_uri(database(folder)))


def runs_of(client: MlflowClient) -> list[Run]:
    """Return every active run of every active experiment."""
    experiments = [e.experiment_id for e in client.search_experiments()]
    return list(client.search_runs(experiments, run_view_type=ViewType.ACTIVE_ONLY))


def dump(client: MlflowClient) -> dict[str, Any]:
    """Return all that MLflow holds, by key, without ids and times."""
    names = {run.info.run_id: run.data.tags["flowadam.key"] for run in runs_of(client)}
    content = {}
    for run in runs_of(client):
        number = run.info.run_id
        history = {
            name: sorted((m.step, m.value) for m in client.get_metric_history(number, name))
            for name in run.data.metrics
        }
        tags = {name: names.get(value, value) for name, value in run.data.tags.items()}
        files = [file.path for file in client.list_artifacts(number)]
        key = names[number]
        assert key not in content, f"two runs have the key {key}"
        content[key] = (run.info.status, run.data.params, run.data.metrics, history, tags, files)
    return content


def cell(folder: Path, optimizer: str = "adam") -> Run:
    """Return the only active run of an optimizer."""
    runs = runs_of(client_of(folder))
    (found,) = [run for run in runs if run.data.tags.get("flowadam.optimizer") == optimizer]
    return found


def parent(folder: Path) -> Run:
    (found,) = [r for r in runs_of(client_of(folder)) if r.data.tags["flowadam.kind"] == "study"]
    return found


def curve_of(client: MlflowClient, run: Run) -> list[tuple[int, float]]:
    history = client.get_metric_history(run.info.run_id, CURVE)
    return sorted((point.step, point.value) for point in history)


def curve(folder: Path) -> list[tuple[int, float]]:
    return curve_of(client_of(folder), cell(folder))
