"""What MLflow is to hold of a study: a function of its store, without MLflow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from flowadam.plan import Cell
from flowadam.rows import Row
from flowadam.space import digest
from flowadam.store import Store
from flowadam.study import Study
from flowadam.tracking.cell import cell_metrics, cell_params, curve, winner
from flowadam.winners import Election, elections

MAX_NAME = 200
MAX_TAG = 5000
PARAMS = (
    "trials",
    "seeds",
    "confirm_seeds",
    "substudies",
    "budget",
    "sampler",
    "batch",
    "selection",
    "seed",
    "dtype",
)


@dataclass(frozen=True)
class RunContent:
    """One MLflow run.

    Args:
        key: names the run for ever; the same store gives the same key.
        curve: points of the metric `flowadam.tracking.cell.CURVE` by step.
    """

    key: str
    name: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    curve: dict[int, float]


@dataclass(frozen=True)
class StudyContent:
    """A study: the parent run, and a child for each task, optimizer and budget."""

    parent: RunContent
    cells: tuple[RunContent, ...]

    @property
    def key(self) -> str:
        return self.parent.key


def study_content(store: Store) -> StudyContent:
    """Return everything that MLflow is to hold of `store`."""
    study, rows = store.study, _newest(store)
    events = [event["of"] for event in store.notes("fingerprints")]
    # The first fingerprints tell studies apart that share name and protocol, and never change.
    key = digest([study.identity(), study.name, events[0] if events else {}])
    prints = {name: value for event in events for name, value in event.items()}
    cells = tuple(
        _cell(study, key, prints, cell, election, [row for row in rows if _cell_of(row) == cell])
        for cell, election in _elections(study, rows)
    )
    return StudyContent(_parent(store, study, key, rows), cells)


def _parent(store: Store, study: Study, key: str, rows: list[Row]) -> RunContent:
    bad = [row["status"] for row in rows if row["status"] != "ok"]
    diverged = bad.count("diverged")
    tags = {
        "kind": "study",
        "identity": study.identity(),
        "tasks": ", ".join(study.task),
        "optimizers": ", ".join(study.optimizer),
        **{f"version.{name}": text for name, text in _versions(store).items()},
    }
    metrics = {"runs": len(rows), "runs_failed": len(bad) - diverged, "runs_diverged": diverged}
    return RunContent(
        key=key,
        name=_short(study.name or "study"),
        tags=_tags(key, key, tags),
        params={name: _text(getattr(study, name)) for name in PARAMS},
        metrics={name: float(value) for name, value in metrics.items()},
        curve={},
    )


def _cell(
    study: Study,
    study_key: str,
    prints: dict[str, str],
    cell: Cell,
    election: Election,
    rows: list[Row],
) -> RunContent:
    made_with = [prints.get(f"task {cell.task}"), prints.get(f"optimizer {cell.optimizer}")]
    names = [cell.task, cell.optimizer, cell.budget]
    key = digest([study_key, *names, *made_with])
    best = winner(election)
    tags = {
        "kind": "cell",
        "task": cell.task,
        "optimizer": cell.optimizer,
        "budget": str(cell.budget),
        "sampler": study.sampler,
        "selection": study.selection,
        "winner": "none" if best is None else str(best),
    }
    return RunContent(
        key=key,
        name=_short(f"{cell.optimizer} on {cell.task} at {cell.budget}"),
        tags=_tags(study_key, key, tags),
        params=cell_params(best, rows),
        metrics=cell_metrics(study, election, best, rows),
        curve=curve(election),
    )


def _elections(study: Study, rows: list[Row]) -> Iterable[tuple[Cell, Election]]:
    """Yield every cell that has rows, those of an earlier budget too."""
    if study.budget is None:
        yield from elections(study, rows).items()
        return
    for budget in sorted({int(row["budget"]) for row in rows}):
        yield from elections(replace(study, budget=budget), rows).items()


def _newest(store: Store) -> list[Row]:
    """Return the trained runs; of one that stands twice, the later row."""
    names = ("phase", "task", "optimizer", "budget", "config", "seed", "contained")
    rows = (row for row in store.rows() if row["phase"] != "trivial")
    newest = {tuple(row[n] for n in names): row for row in rows}
    return list(newest.values())


def _versions(store: Store) -> dict[str, str]:
    """Return the versions that the rows were made with, several where the environment changed."""
    found: dict[str, list[str]] = {}
    for one in store.environments():
        for name, text in {"python": one["python"], **one["packages"]}.items():
            found.setdefault(name, []).append(text)
    return {name: ", ".join(dict.fromkeys(texts)) for name, texts in found.items()}


def _text(value: object) -> str:
    return "of the task" if value is None else str(value)


def _cell_of(row: Row) -> Cell:
    return Cell(row["task"], row["optimizer"], int(row["budget"]))


def _tags(study: str, key: str, tags: dict[str, str]) -> dict[str, str]:
    named = {"study": study, "key": key, **tags}
    return {f"flowadam.{name}": text[:MAX_TAG] for name, text in named.items()}


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
