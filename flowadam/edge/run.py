"""Running what the study of a problem lacks."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from flowadam.durable import write_atomic
from flowadam.edge.problems import task_name
from flowadam.edge.rates import usual_rate
from flowadam.edge.studies import Extent, make_catalog, make_study
from flowadam.plan import CONFIRM_SEED_START
from flowadam.rodflow.by_closure import by_closure, flat, flat_gradient, write
from flowadam.rodflow.method import method
from flowadam.sweep import Engine, Observer, Stop, grown_study, open_store, sweep
from flowadam.task import Problem, Task
from flowadam.training import one_thread
from flowadam.trial import run_seed

RATES = "rates.toml"
STARTS = 3
"""Those that a rate is found by."""


@dataclass(frozen=True)
class Bench:
    """What a study runs with.

    Args:
        task: finds a task by name.
        engine: runs the jobs.
        observer: watches.
        stop: ends it early.
        say: is told what begins.
    """

    task: Callable[[str], Task]
    engine: Engine
    observer: Observer
    stop: Stop
    say: Callable[[str], object]


def run_problem(
    problem: str, names: Sequence[str], extent: Extent, folder: Path, bench: Bench
) -> int:
    """Run what the study of a problem lacks below `folder`; return how many runs are left.

    Raises:
        InputError: an unknown task, or the folder holds runs of other settings.
    """
    task = bench.task(task_name(problem))
    rates = keep_rates(task, names, folder.parent, bench.say)
    study = grown_study(folder, make_study(problem, names, extent))
    catalog = make_catalog(task, {name: rates[name] for name in study.optimizer}, extent)
    store = open_store(folder, study, catalog)
    bench.say(f"{problem}: {len(names)} optimizers")
    try:
        return sweep(
            study,
            catalog,
            store,
            bench.engine,
            observer=bench.observer,
            stop=bench.stop,
            mirror=lambda _: None,
        ).left
    finally:
        store.close()


def keep_rates(
    task: Task, names: Sequence[str], folder: Path, say: Callable[[str], object]
) -> dict[str, float]:
    """Return the task's usual rates, those that the folder's file lacks added to it."""
    path = folder / RATES
    rates = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    mine = rates.setdefault(task.name, {})
    folder.mkdir(parents=True, exist_ok=True)
    for name in (name for name in names if name not in mine):
        say(f"{task.name}: looking for the usual rate of {name}")
        mine[name] = find_rate(task, name)
        write_atomic(path, tomli_w.dumps(rates))
    return mine


def find_rate(task: Task, name: str) -> float:
    """Return the usual rate of a method, by starts that no study runs on."""
    seeds = [run_seed(0, CONFIRM_SEED_START + i) for i in range(STARTS)]
    problems = [task.make([seed], dtype="float64") for seed in seeds]
    problems[0].begin_step(0)
    starts = [flat(problem.params) for problem in problems]
    with one_thread():
        return usual_rate(method(name, 1.0), by_closure(_reader(problems[0])), starts)


def _reader(problem: Problem) -> Callable[[Any], Any]:
    def read(w: Any) -> Any:
        write(problem.params, w)
        loss = problem.closure()[0]
        return loss.detach(), flat_gradient(problem.params)

    return read
