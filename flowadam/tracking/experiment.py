"""Find or make the MLflow experiment of a study."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

STUDY = "flowadam.study"
# The user interface opens such an experiment with runs and charts instead of traces.
_KIND = {"mlflow.experimentKind": "custom_model_development"}


def bring_experiment(client: MlflowClient, key: str, name: str, location: str | None) -> str:
    """Return the id of the study's experiment, found by its tag or made.

    Args:
        key: the study's key.
        name: wanted name; one that another study holds is numbered.
        location: URI of the artifacts; None leaves it to the server. MLflow fixes it when an
            experiment is made, so after the folder has moved the study gets a new experiment
            and the old one goes to MLflow's bin.
    """
    from mlflow.entities import ViewType

    found = client.search_experiments(
        view_type=ViewType.ALL, filter_string=f"tags.`{STUDY}` = '{key}'"
    )
    for experiment in sorted(found, key=lambda e: int(e.experiment_id)):
        if location is None or experiment.artifact_location == location:
            if experiment.lifecycle_stage == "deleted":
                client.restore_experiment(experiment.experiment_id)
            return experiment.experiment_id
        _retire(client, experiment, key)
    free = _free_name(client, name)
    return client.create_experiment(free, location, tags={STUDY: key, **_KIND})


def _retire(client: MlflowClient, experiment: Experiment, key: str) -> None:
    """Put an experiment aside; the tag first, so that a crash leaves it retired or found again."""
    number = experiment.experiment_id
    client.set_experiment_tag(number, STUDY, f"moved {key}")
    if experiment.lifecycle_stage == "active":
        client.rename_experiment(number, f"{experiment.name} [moved {number}]")
        client.delete_experiment(number)


def _free_name(client: MlflowClient, name: str) -> str:
    names = (name if n == 1 else f"{name} [{n}]" for n in count(1))
    return next(free for free in names if client.get_experiment_by_name(free) is None)
