"""A driver process for tests: runs one sweep of `sweep_plugins` and says what happens.

Its argument is JSON: `out`, `study` (keys of a study), `tasks` (name -> seconds per gradient),
`engine`, and optionally `address`, `workers`, `deadline` (seconds), `flush_runs` (how many runs
wait for Parquet). It prints "phase <name>",
"rows <n>" as they come, and the result at the end, all as lines; exit codes are those of the
command line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sweep_plugins

import flowadam.store as store_module
from flowadam.errors import FlowAdamError, InputError
from flowadam.study import make_study
from flowadam.sweep import (
    Engine,
    LocalEngine,
    RayEngine,
    Stop,
    SweepResult,
    grown_study,
    open_store,
    sweep,
)
from flowadam.sweep.job import Work

TRAINABLE = "trainables.group_trainable:GroupTrainable"


class Talker:
    """An observer that prints."""

    def phase(self, name: str, total: int, done: int) -> None:
        print(f"phase {name} {total} {done}", flush=True)

    def rows(self, rows: list[Any]) -> None:
        print(f"rows {len(rows)}", flush=True)


class SearchOnRay:
    """Runs the first phase on Ray and the others in this process: half the time."""

    def __init__(self, ray: RayEngine) -> None:
        self._engines: list[Engine] = [ray]

    @property
    def workers(self) -> int:
        return self._engines[0].workers if self._engines else 1

    def run(self, work: Work) -> None:
        engine = self._engines.pop() if self._engines else LocalEngine()
        engine.run(work)


@contextmanager
def make_engine(order: dict[str, Any]) -> Iterator[Engine]:
    """Yield the engine "local", "ray", or "search on ray"."""
    if order["engine"] == "local":
        yield LocalEngine()
        return
    with RayEngine(TRAINABLE, address=order.get("address"), workers=order.get("workers")) as engine:
        yield engine if order["engine"] == "ray" else SearchOnRay(engine)


def run(order: dict[str, Any]) -> SweepResult:
    """Run the ordered sweep."""
    folder = Path(order["out"])
    study = grown_study(folder, make_study(order["study"]))
    tasks = {name: order["tasks"].get(name, 0.0) for name in study.task}
    catalog = sweep_plugins.catalog(tasks, list(study.optimizer))
    stop = Stop(order.get("deadline"))
    store_module.FLUSH_RUNS = order.get("flush_runs", store_module.FLUSH_RUNS)
    store = open_store(folder, study, catalog)
    try:
        with stop.on_interrupt(), make_engine(order) as engine:
            return sweep(
                study,
                catalog,
                store,
                engine,
                observer=Talker(),
                stop=stop,
                mirror=lambda store: None,
            )
    finally:
        store.close()


def main(argument: str) -> int:
    try:
        result = run(json.loads(argument))
    except InputError as error:
        print(f"refused: {error}", flush=True)
        return 2
    except (FlowAdamError, OSError, KeyboardInterrupt) as error:
        print(f"failed: {type(error).__name__}: {error}", flush=True)
        return 1
    print(f"result {result}", flush=True)
    return 1 if result.left or result.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
