"""Running what the study of a problem lacks."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from flowadam.durable import write_atomic
from flowadam.edge.problems import task_name
from flowadam.edge.rates import usual_rate
from flowadam.edge.studies import Extent, make_catalog, make_study
from flowadam.edge.trace import RATE_OF, make_trace_catalog, make_trace_study
from flowadam.rodflow.by_closure import Source, flat
from flowadam.rodflow.method import method
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.sweep import Catalog, Engine, Observer, Stop, grown_study, open_store, sweep
from flowadam.task import Task
from flowadam.training import one_thread
from flowadam.trial import run_seed

RATES = "rates.toml"
STARTS = 5
"""Those that a rate is found by."""


@dataclass(frozen=True)
class Bench:
    """What a study runs with.

    Args:
        task, spec: find a task and an optimizer by name.
        engine: runs the jobs.
        observer: watches.
        stop: ends it early.
        say: is told what begins.
    """

    task: Callable[[str], Task]
    spec: Callable[[str], OptimizerSpec]
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
    study = grown_study(folder, make_study(problem, names, extent))
    rates = keep_rates(task, study.optimizer, folder.parent, bench.say)
    catalog = make_catalog(task, {name: rates[name] for name in study.optimizer}, extent)
    return _sweep(study, catalog, folder, bench)


def trace_problem(
    problem: str, names: Sequence[str], extent: Extent, folder: Path, bench: Bench
) -> int:
    """Run what the trace of a problem lacks below `folder`; return how many runs are left.

    Raises:
        InputError: an unknown task or optimizer, or the folder holds runs of other settings.
    """
    task = bench.task(task_name(problem))
    study = grown_study(folder, make_trace_study(problem, names, extent))
    lr = keep_rates(task, [RATE_OF], folder.parent, bench.say)[RATE_OF] * extent.scale
    catalog = make_trace_catalog(task, study.optimizer, bench.spec, lr)
    return _sweep(study, catalog, folder, bench)


def _sweep(study: Study, catalog: Catalog, folder: Path, bench: Bench) -> int:
    store = open_store(folder, study, catalog)
    bench.say(f"{study.name}: {', '.join(study.optimizer)}")
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
    """Return the usual rate of a method, by the first starts of its study.

    Only the sharpness is looked at, no flow.
    """
    seeds = [run_seed(0, number) for number in range(STARTS)]
    problems = [task.make([seed], dtype="float64") for seed in seeds]
    starts = [flat(problem.params) for problem in problems]
    source, problem = Source(problems[0].params), problems[0]
    problem.begin_step(0)
    source.closure = lambda: problem.closure()[0]
    with one_thread():
        return usual_rate(method(name, 1.0), source, starts)
