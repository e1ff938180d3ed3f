"""The one place where runs are made."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from typing import Any

import torch

from flowadam.errors import InputError
from flowadam.memory import peak_mb, reset_peak
from flowadam.meter import TimeLimitReached
from flowadam.outcome import Cost, Counters, Outcome, Scores, Status
from flowadam.plan import Group
from flowadam.schedule import CONSTANT, Schedule
from flowadam.seeds import derive
from flowadam.space import Values
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.task import Task
from flowadam.training import Training, one_thread

READS_TEST = ("confirm", "inclusion")
WARM_UP = 20
"""Gradient evaluations before a timed run, no part of it."""


def run_trial(
    task: Task,
    spec: OptimizerSpec,
    values: Values,
    seeds: Sequence[int],
    budget: int,
    *,
    phase: str = "search",
    device: str = "cpu",
    dtype: str = "float32",
    time_limit: float | None = None,
    probes: Sequence[str] = (),
    schedule: Schedule = CONSTANT,
) -> list[Outcome]:
    """Train one configuration on a block of seeds, stacked, for `budget` gradient evaluations.

    Each replica goes on while it has used fewer than `budget` evaluations. A step that would end
    beyond the budget is undone for that replica, so ``val_final`` belongs to the last state with
    ``used <= budget``; ``Cost.grad_evals`` still counts the overshoot. The test part is read once,
    at the end, and only in the phases "confirm" and "inclusion".

    Args:
        values: every ``opt.*`` option and ``task.penalty``.
        seeds: one replica each; initialization and order only.
        phase: one of a study's phases, or "inclusion".
        time_limit: wall seconds for the whole group. The time of probes counts neither here nor in
            ``Cost.seconds``; it has the same limit once more.
        probes: names of probes, read at the marks of the curve; the run is the same without them.
        schedule: of the learning rate, as a function of the used budget.

    Returns:
        One outcome per seed. Exceptions of task or optimizer become status "error", non-finite
        losses "diverged", a passed time limit "timeout".
    """
    started = time.perf_counter()
    reset_peak(device)
    training: Training | None = None
    test: list[tuple[float, float]] | None = None
    failure: tuple[Status, str] | None = None
    reads_test = phase in READS_TEST
    try:
        with one_thread():
            training = Training(
                task,
                spec,
                values,
                seeds,
                budget,
                test_unlocked=reads_test,
                device=device,
                dtype=dtype,
                time_limit=time_limit,
                probes=probes,
                schedule=schedule,
            )
            training.advance()
            test = training.read_test() if reads_test else None
    except TimeLimitReached:
        failure = ("timeout", f"The time limit of {time_limit} s has passed.")
    except Exception as error:  # a sweep must survive any optimizer and any task
        failure = ("error", _describe(error))
    probing = training.probes.seconds if training else 0.0
    seconds = (time.perf_counter() - started - probing) / len(seeds)
    memory = peak_mb(device)
    return [
        _outcome(training, r, seed, device, failure, test, seconds, memory)
        for r, seed in enumerate(seeds)
    ]


def run_group(
    study: Study, task: Task, spec: OptimizerSpec, group: Group, values: Values
) -> list[Outcome]:
    """Run one group of a study's plan: what sweep, replay and tests share.

    Before a timed run a short one warms up: libraries load, caches and memory pools fill.
    """
    timed = group.phase == "timing"

    def run(budget: int) -> list[Outcome]:
        return run_trial(
            task,
            spec,
            values,
            [run_seed(study.seed, seed) for seed in group.seeds],
            budget,
            phase=group.phase,
            device=study.device,
            dtype=study.dtype,
            time_limit=study.time_limit,
            probes=() if timed else study.probe,
            schedule=Schedule(study.schedule, study.warmup),
        )

    with pinned() if timed else nullcontext():
        if timed:
            run(min(WARM_UP, group.cell.budget))
        return run(group.cell.budget)


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process on one of its cores, the last, where a timed run is not moved about."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def require_device(device: str) -> None:
    """Raise InputError when a GPU is asked for and PyTorch sees none."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"`device` is {device}, and PyTorch sees no GPU here: use --device cpu.")


def run_seed(study_seed: int, seed: int) -> int:
    """Return the generator seed of the run numbered `seed`, the same for every optimizer."""
    return derive(study_seed, "run", seed)


def _outcome(
    training: Training | None,
    r: int,
    seed: int,
    device: str,
    failure: tuple[Status, str] | None,
    test: list[tuple[float, float]] | None,
    seconds: float,
    memory: float,
) -> Outcome:
    status, message = failure or ("ok", "")
    if training is None:
        cost = Cost(seconds=seconds, peak_mem_mb=memory)
        return Outcome(seed, status, device, cost=cost, message=message)
    if training.diverged[r]:
        status, message = "diverged", "The loss or the validation metric left the finite range."
    curve, ok = training.curve, status == "ok"
    scores = Scores(
        curve.best_val(r),
        curve.final_val(r) if ok else None,
        *(test[r] if test and ok else (None, None)),
    )
    return Outcome(
        seed=seed,
        status=status,
        device=device,
        scores=scores,
        cost=_cost(training, r, seconds, memory),
        counters=_counters(training.optimizer, r),
        message=message,
        curve=tuple(curve.points[r]),
        probes=tuple(training.probes.points[r]),
    )


def _cost(training: Training, r: int, seconds: float, memory: float) -> Cost:
    points = training.probes.points[r]
    return Cost(
        int(training.meter.evaluated[r]),
        training.steps[r],
        seconds,
        memory,
        probe_evals=sum(point.evals for point in points),
        probe_loss_evals=sum(point.loss_evals for point in points),
        probe_seconds=training.probes.seconds / len(training.steps),
    )


def _counters(optimizer: Any, r: int) -> Counters:
    stats = optimizer.flow_stats() if hasattr(optimizer, "flow_stats") else {}
    return Counters(
        **{f.name: stats[f.name][r].item() for f in fields(Counters) if f.name in stats}
    )


def _describe(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"[:2000]
