"""Where a study's foreign tasks and optimizers came from, as its ledger keeps it.

With it a finished study can be looked at without the packages, and without running any plugin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flowadam.errors import InputError
from flowadam.plugins import Plugin
from flowadam.spec import Inclusion, OptimizerSpec
from flowadam.store import Store
from flowadam.sweep.job import Catalog
from flowadam.task import Task

EVENT = "origins"
OURS = {"from": "flowadam itself"}


def note_origins(store: Store, catalog: Catalog) -> None:
    """Note origin, budget and inclusions of every foreign task and optimizer.

    Raises:
        InputError: one came from elsewhere, or from another version, when rows were made with it.
    """
    known = _noted(store)
    now = {name: _facts(name, catalog) for name in catalog.origins}
    ends = {n: (known[n]["from"], now.get(n, OURS)["from"]) for n in known if n in _names(catalog)}
    moved = [name for name, (old, new) in ends.items() if old != new]
    for name in having_rows(store, moved):
        old, new = ends[name]
        raise InputError(
            f"The {name} comes from {new}, and in the study in {store.folder} from {old}: "
            "its rows could not be compared with new ones. Choose another --out."
        )
    fresh = {name: facts for name, facts in now.items() if known.get(name) != facts}
    if fresh:
        store.note({"event": EVENT, "of": fresh})


def having_rows(store: Store, names: Sequence[str]) -> list[str]:
    """Return those of `names` that rows, or points asked of a sampler, belong to."""
    if not names:
        return []
    pairs = [(row["task"], row["optimizer"]) for row in store.rows()]
    pairs += [tuple(event["cell"][:2]) for event in store.notes("asked")]
    used = {name for task, opt in pairs for name in (f"task {task}", f"optimizer {opt}")}
    return [name for name in names if name in used]


def noted_catalog(store: Store) -> Catalog:
    """Return the foreign tasks and optimizers of a study as far as plans need them.

    They have name, budget, inclusions, number of parameters and fingerprints, and cannot run: no
    foreign code is imported.
    """
    prints = noted_prints(store)
    tasks: dict[str, Task] = {}
    specs: dict[str, OptimizerSpec] = {}
    for name, facts in _noted(store).items():
        kind, _, short = name.partition(" ")
        if kind == "task":
            tasks[short] = cast("Task", _NotedTask(short, facts["budget"], prints[name]))
        else:
            includes = tuple(Inclusion(other, {}) for other in facts["includes"])
            # Studies noted before there was a sensitivity phase have none.
            space = (None,) * facts.get("parameters", 0)
            specs[short] = cast("OptimizerSpec", _NotedSpec(short, includes, space, prints[name]))
    return Catalog(tasks, specs)


def noted_tasks(store: Store, tasks: Mapping[str, Task]) -> dict[str, Task]:
    """Return the tasks with the fingerprints that the study knows, so that no data are read."""
    prints, found = noted_prints(store), dict(tasks)
    for name, task in tasks.items():
        if known := prints.get(f"task {name}"):
            found[name] = cast("Task", _NotedTask(name, task.budget, known))
    return found


def noted_prints(store: Store) -> dict[str, str]:
    """Return the fingerprint of every task and optimizer that the study has seen, the last one."""
    return {k: v for event in store.notes("fingerprints") for k, v in event["of"].items()}


def _noted(store: Store) -> dict[str, Mapping[str, Any]]:
    return {name: facts for event in store.notes(EVENT) for name, facts in event["of"].items()}


def _names(catalog: Catalog) -> set[str]:
    return {f"task {name}" for name in catalog.tasks} | {f"optimizer {n}" for n in catalog.specs}


def _facts(name: str, catalog: Catalog) -> dict[str, Any]:
    kind, _, short = name.partition(" ")
    source = catalog.origins[name]
    origin = {"from": source.name if isinstance(source, Plugin) else str(source)}
    if kind == "task":
        return {**origin, "budget": catalog.tasks[short].budget}
    spec = catalog.specs[short]
    return {
        **origin,
        "includes": [i.other for i in spec.includes],
        "parameters": len(spec.space),
    }


@dataclass(frozen=True)
class _NotedTask:
    name: str
    budget: int
    hash: str

    def fingerprint(self) -> str:
        return self.hash


@dataclass(frozen=True)
class _NotedSpec:
    name: str
    includes: tuple[Inclusion, ...]
    space: tuple[None, ...]
    hash: str

    def fingerprint(self) -> str:
        return self.hash
