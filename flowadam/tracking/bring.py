"""Bring MLflow's runs up to date with a study's content, writing only what differs."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowadam.tracking.cell import CURVE
from flowadam.tracking.content import RunContent, StudyContent
from flowadam.tracking.experiment import STUDY, bring_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

PARENT = "mlflow.parentRunId"
KEY = "flowadam.key"
PAGE = 1000


@dataclass(frozen=True)
class Place:
    """Where a study stands in MLflow: its experiment and its parent run, by id."""

    experiment: str
    run: str


def bring_study(
    client: MlflowClient, content: StudyContent, location: str | None, files: Sequence[Path]
) -> Place:
    """Make MLflow hold `content`, whatever it held of it before.

    A run whose parameters and curve agree as far as they go is completed. What MLflow cannot
    change (parameters, points of a curve) is replaced: a new run is made and the old one goes to
    MLflow's bin.

    Args:
        location: URI of the artifacts; None leaves it to the server.
        files: artifacts of the parent run; those it has already are left as they are.
    """
    experiment = bring_experiment(client, content.key, content.parent.name, location)
    found = _runs(client, experiment, content.key)
    parent = _bring_run(client, experiment, content.parent, found.pop(content.key, []))
    known = {file.path for file in client.list_artifacts(parent)}
    log_files(client, parent, [path for path in files if path.name not in known])
    for cell in content.cells:
        child = replace(cell, tags={**cell.tags, PARENT: parent})
        _bring_run(client, experiment, child, found.pop(cell.key, []))
    for run in (run for runs in found.values() for run in runs if run.info.status == "RUNNING"):
        client.set_terminated(run.info.run_id, "KILLED")
    return Place(experiment, parent)


def log_files(client: MlflowClient, run: str, files: Sequence[Path]) -> None:
    """Log the files that exist as artifacts of a run."""
    for path in files:
        if path.exists():
            client.log_artifact(run, str(path))


def _runs(client: MlflowClient, experiment: str, study: str) -> dict[str, list[Run]]:
    """Return the study's runs by key, oldest first."""
    found: dict[str, list[Run]] = defaultdict(list)
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment],
            f"tags.`{STUDY}` = '{study}'",
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        for run in page:
            found[run.data.tags.get(KEY, "")].append(run)
        token = page.token
        if not token:
            return found


def _bring_run(
    client: MlflowClient, experiment: str, content: RunContent, found: Sequence[Run]
) -> str:
    """Return the id of the run that holds `content`: one of `found`, or a new one."""
    run = next((run for run in found if _agrees(client, run, content)), None)
    if run is None:
        run = client.create_run(experiment, tags=content.tags, run_name=content.name)
    for other in found:
        if other is not run:
            client.delete_run(other.info.run_id)
    _complete(client, run, content)
    return run.info.run_id


def _agrees(client: MlflowClient, run: Run, content: RunContent) -> bool:
    """Say whether all that MLflow cannot change in `run` belongs to `content`."""
    return run.data.params.items() <= content.params.items() and all(
        _holds(content.curve, point.step, point.value) for point in _points(client, run)
    )


def _complete(client: MlflowClient, run: Run, content: RunContent) -> None:
    from mlflow.entities import Param, RunTag

    run_id, data = run.info.run_id, run.data
    metrics = _metrics(client, run, content)
    params = [Param(k, v) for k, v in content.params.items() if k not in data.params]
    tags = [RunTag(k, v) for k, v in content.tags.items() if data.tags.get(k) != v]
    if metrics or params or tags:
        client.log_batch(run_id, metrics=metrics, params=params, tags=tags)
    if run.info.status != "FINISHED":
        client.set_terminated(run_id, "FINISHED")


def _metrics(client: MlflowClient, run: Run, content: RunContent) -> list[Metric]:
    """Return what the run lacks: points of the curve, and numbers that are new or have changed."""
    from mlflow.entities import Metric

    known, now = {point.step for point in _points(client, run)}, int(time.time() * 1000)
    return [
        *(
            Metric(CURVE, value, run.info.start_time, step)
            for step, value in content.curve.items()
            if step not in known
        ),
        *(
            Metric(name, value, now, 0)
            for name, value in content.metrics.items()
            if not _holds(run.data.metrics, name, value)
        ),
    ]


def _points(client: MlflowClient, run: Run) -> Sequence[Metric]:
    return client.get_metric_history(run.info.run_id, CURVE) if CURVE in run.data.metrics else []


def _holds(known: Mapping[Any, float], name: str | int, value: float) -> bool:
    return name in known and math.isclose(known[name], value, rel_tol=1e-12)
