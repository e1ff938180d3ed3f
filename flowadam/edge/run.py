"""Running what the study of a problem lacks."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from flowadam.durable import write_atomic
from flowadam.edge.catalogs import PROBES, RATE_OF, traced, tracked
from flowadam.edge.problems import task_name
from flowadam.edge.rates import usual_rate
from flowadam.edge.studies import Extent, make_study
from flowadam.edge.suited import kinks_of, require_full_batch
from flowadam.probes import TRACKING
from flowadam.rodflow.by_closure import Source, flat
from flowadam.rodflow.method import method
from flowadam.sweep import Bench, Stop, grown_study
from flowadam.task import Task
from flowadam.training import one_thread
from flowadam.trial import run_seed

if TYPE_CHECKING:
    from torch import Tensor

RATES = "rates.toml"
STARTS = 5
"""Those that a rate is found by."""


def run_problem(
    problem: str, names: Sequence[str], extent: Extent, folder: Path, bench: Bench
) -> int:
    """Run what the study of a problem lacks below `folder`; return how many runs are left.

    Raises:
        InputError: an unknown task, one that draws batches, or the folder holds runs of other
            settings.
    """
    task = bench.task(task_name(problem))
    require_full_batch(task)
    if found := kinks_of(task):
        bench.say(f"{task.name} is not smooth ({', '.join(found)}): no flow is made for its kinks.")
    study = grown_study(folder, make_study("rod flow", problem, names, TRACKING, extent))
    rates = keep_rates(task, study.optimizer, folder.parent, bench)
    if set(study.optimizer) - set(rates):
        return len(study.optimizer) * study.seeds
    catalog = tracked(task, {name: rates[name] * extent.scale for name in study.optimizer})
    bench.say(f"{study.name}: {', '.join(study.optimizer)}")
    return bench.run(study, catalog, folder).left


def trace_problem(
    problem: str, names: Sequence[str], extent: Extent, folder: Path, bench: Bench
) -> int:
    """Run what the trace of a problem lacks below `folder`; return how many runs are left.

    Raises:
        InputError: an unknown task or optimizer, or the folder holds runs of other settings.
    """
    task = bench.task(task_name(problem))
    study = grown_study(folder, make_study("trace", problem, names, PROBES, extent))
    specs = [bench.spec(name) for name in study.optimizer]
    lr = keep_rates(task, [RATE_OF], folder.parent, bench).get(RATE_OF)
    if lr is None:
        return len(specs) * study.seeds
    catalog = traced(task, specs, lr * extent.scale)
    bench.say(f"{study.name}: {', '.join(study.optimizer)}")
    return bench.run(study, catalog, folder).left


def keep_rates(task: Task, names: Sequence[str], folder: Path, bench: Bench) -> dict[str, float]:
    """Return the task's usual rates, those that the folder's file lacks added to it.

    A search that the user stops leaves its rate, and those after it, out.
    """
    path = folder / RATES
    rates = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    mine = rates.setdefault(task.name, {})
    folder.mkdir(parents=True, exist_ok=True)
    for name in (name for name in names if name not in mine):
        bench.say(f"{task.name}: looking for the usual rate of {name}")
        try:
            mine[name] = find_rate(task, name, bench.stop)
        except _Stopped:
            break
        write_atomic(path, tomli_w.dumps(rates))
    return mine


class _Stopped(Exception):
    """The user stopped the search for a rate."""


def find_rate(task: Task, name: str, stop: Stop | None = None) -> float:
    """Return the usual rate of a method, by the first starts of its study.

    Only the sharpness is looked at, no flow.
    """
    seeds = [run_seed(0, number) for number in range(STARTS)]
    problems = [task.make([seed], dtype="float64") for seed in seeds]
    starts = [flat(problem.params) for problem in problems]
    source, problem = Source(problems[0].params), problems[0]
    problem.begin_step(0)

    def closure() -> Tensor:
        if stop:
            raise _Stopped
        return problem.closure()[0]

    source.closure = closure
    with one_thread():
        return usual_rate(method(name, 1.0), source, starts)
