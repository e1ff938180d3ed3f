"""A study's tasks and optimizers, taken from the registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import search_spaces
import trainables
from flowadam.errors import InputError, require_known

if TYPE_CHECKING:
    from flowadam.study import Study
    from flowadam.sweep import Catalog
    from flowadam.task import Task


def make_catalog(study: Study) -> Catalog:
    """Return every task and optimizer that the study names, its data loaded.

    Raises:
        InputError: an unknown name, or a ratings file that is missing or not needed.
    """
    from flowadam.sweep import Catalog

    for name in study.task:
        require_known("task", name, trainables.names())
    for name in study.optimizer:
        require_known("optimizer", name, search_spaces.names())
    if study.data and "ratings" not in study.task:
        raise InputError("--data is for the task `ratings`, which this study does not name.")
    return Catalog(
        {name: _task(name, study) for name in study.task},
        {name: search_spaces.get(name) for name in study.optimizer},
    )


def _task(name: str, study: Study) -> Task:
    if name != "ratings":
        return trainables.get(name)
    if not study.data:
        raise InputError("The task `ratings` needs a table: --data FILE (Parquet or CSV).")
    return trainables.get(
        name, path=study.data, user=study.user, item=study.item, rating=study.rating
    )
