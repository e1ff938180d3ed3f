"""A study's tasks and optimizers, taken from the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowadam.cli.registry import Registry
from flowadam.cli.task_names import require_different
from flowadam.errors import InputError

if TYPE_CHECKING:
    from flowadam.store import Store
    from flowadam.study import Study
    from flowadam.sweep import Catalog
    from flowadam.task import Task


def make_catalog(study: Study, registry: Registry) -> Catalog:
    """Return every task and optimizer that the study names, its data loaded.

    Raises:
        InputError: an unknown name, or a ratings file that is missing or not needed.
    """
    return _catalog(study, study.task, study.optimizer, registry)


def stored_catalog(store: Store) -> Catalog:
    """Return the catalog of a stored study for plans: nothing foreign is imported, no data read."""
    from flowadam.sweep import Catalog, noted_catalog, noted_tasks

    study, noted, registry = store.study, noted_catalog(store), Registry()
    names = [name for name in study.task if name not in noted.tasks]
    tasks = noted_tasks(store, {name: _named(name, study, registry) for name in names})
    specs = {n: registry.spec(n) for n in study.optimizer if n not in noted.specs}
    return Catalog({**noted.tasks, **tasks}, {**noted.specs, **specs})


def _catalog(
    study: Study, tasks: Sequence[str], optimizers: Sequence[str], registry: Registry
) -> Catalog:
    from flowadam.sweep import Catalog

    require_different(tasks)
    found = {
        **{f"task {name}": registry.origin("task", name) for name in tasks},
        **{f"optimizer {name}": registry.origin("optimizer", name) for name in optimizers},
    }
    if study.data and "ratings" not in study.task:
        raise InputError("--data is for the task `ratings`, which this study does not name.")
    return Catalog(
        {name: _task(name, study, registry) for name in tasks},
        {name: registry.spec(name) for name in optimizers},
        registry.plugins,
        {name: origin for name, origin in found.items() if origin is not None},
    )


def _task(name: str, study: Study, registry: Registry) -> Task:
    task = _named(name, study, registry)
    # Reads the data, so that what is missing or damaged is said before a folder is made.
    task.fingerprint()
    return task


def _named(name: str, study: Study, registry: Registry) -> Task:
    if name == "ratings" and not study.data:
        raise InputError("The task `ratings` needs a table: --data FILE (Parquet or CSV).")
    columns = {"user": study.user, "item": study.item, "rating": study.rating}
    options = {"path": study.data, **columns} if name == "ratings" else {}
    return registry.task(name, **options)
