"""The one place where training happens."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from flowadam.curve import CurveRecorder
from flowadam.memory import peak_mb, reset_peak
from flowadam.meter import GradMeter, TimeLimitReached
from flowadam.outcome import Cost, Counters, Outcome, Scores, Status
from flowadam.space import Values
from flowadam.spec import OptimizerSpec
from flowadam.stacking import SplitOptimizer, Stepper
from flowadam.task import Problem, Task

READS_TEST = ("confirm", "inclusion")
MAX_IDLE_STEPS = 100


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
) -> list[Outcome]:
    """Train one configuration on a block of seeds, stacked, for `budget` gradient evaluations.

    Each replica goes on while it has used fewer than `budget` evaluations. A step that would end
    beyond the budget is undone for that replica, so ``val_final`` belongs to the last state with
    ``used <= budget``; ``Cost.grad_evals`` still counts the overshoot. The test part is read once,
    at the end, and only in the phases "confirm" and "inclusion".

    Args:
        values: every ``opt.*`` option and ``task.penalty``.
        seeds: one replica each; initialization and order only.
        phase: "search", "confirm" or "inclusion".
        time_limit: wall seconds for the whole group.

    Returns:
        One outcome per seed. Exceptions of task or optimizer become status "error", non-finite
        losses "diverged", a passed time limit "timeout".
    """
    started = time.perf_counter()
    reset_peak(device)
    training: _Training | None = None
    failure: tuple[Status, str] | None = None
    try:
        with _one_thread():
            training = _Training(
                task, spec, values, seeds, budget, phase, device, dtype, time_limit
            )
            training.run()
    except TimeLimitReached:
        failure = ("timeout", f"The time limit of {time_limit} s has passed.")
    except Exception as error:  # a sweep must survive any optimizer and any task
        failure = ("error", _describe(error))
    seconds = (time.perf_counter() - started) / len(seeds)
    memory = peak_mb(device)
    if training is None:
        status, message = failure or ("error", "")
        cost = Cost(seconds=seconds, peak_mem_mb=memory)
        return [Outcome(seed, status, device, cost=cost, message=message) for seed in seeds]
    return [training.outcome(r, failure, seconds, memory) for r in range(len(seeds))]


class _Training:
    """One stacked run: problem, optimizer, meter and curve."""

    def __init__(
        self,
        task: Task,
        spec: OptimizerSpec,
        values: Values,
        seeds: Sequence[int],
        budget: int,
        phase: str,
        device: str,
        dtype: str,
        time_limit: float | None,
    ) -> None:
        self.task, self.seeds, self.budget = task, list(seeds), budget
        self.device, self.reads_test = device, phase in READS_TEST
        self.problem = task.make(
            seeds,
            penalty=float(values.get("task.penalty", 0.0)),
            test_unlocked=self.reads_test,
            device=device,
            dtype=dtype,
        )
        self.meter = GradMeter(self.problem, time_limit=time_limit)
        self.optimizer = _build(spec, self.problem, values, task.deterministic)
        self.curve = CurveRecorder(self.problem, task.metric, budget)
        self.steps = [0] * len(self.seeds)
        self.diverged = [False] * len(self.seeds)
        self.test: list[tuple[float, float]] | None = None

    def run(self) -> None:
        replicas = range(len(self.seeds))
        before = _Snapshot(self.problem.params)
        losses = torch.full((len(self.seeds),), torch.nan)
        self.curve.record(list(replicas), self.meter.used.tolist(), self.steps, losses)
        k = idle = 0
        while self.meter.live.any():
            self.problem.begin_step(k)
            before.take()
            live, used = self.meter.live.tolist(), self.meter.used.tolist()
            losses = self.optimizer.step(self.meter.closure)
            idle = idle + 1 if self.meter.used.tolist() == used else 0
            if idle == MAX_IDLE_STEPS:
                raise RuntimeError(f"{idle} steps in a row evaluated no gradient.")
            self._settle(live, used, losses, before)
            k += 1
        if self.reads_test:
            self._read_test()

    def _settle(
        self, live: list[bool], used: list[int], losses: torch.Tensor, before: _Snapshot
    ) -> None:
        """Book one step: undo what lies beyond the budget, record marks, freeze what is done."""
        now, finite = self.meter.used.tolist(), torch.isfinite(losses).tolist()
        over = [r for r in range(len(live)) if live[r] and now[r] > self.budget]
        before.put_back([r for r in range(len(live)) if not live[r]] + over)
        due: list[int] = []
        for r in (r for r in range(len(live)) if live[r]):
            if not finite[r]:
                self.diverged[r] = True
            elif r not in over:
                self.steps[r] += 1
            at = used[r] if r in over else now[r]
            last = self.curve.points[r][-1].grad_evals
            if self.curve.due(at, r) or (r in over and at > last):
                due.append(r)
            used[r] = at
        self.curve.record(due, used, self.steps, losses)
        for r in due:
            self.diverged[r] |= not math.isfinite(self.curve.points[r][-1].val)
        self.meter.live &= torch.tensor(
            [n < self.budget and not d for n, d in zip(now, self.diverged, strict=True)]
        )

    def _read_test(self) -> None:
        final = self._test_values()
        with torch.no_grad():
            for p, best in zip(self.problem.params, self.curve.best, strict=True):
                p.copy_(best)
        self.test = list(zip(self._test_values(), final, strict=True))

    def _test_values(self) -> list[float]:
        return self.problem.evaluate("test")[self.task.metric].tolist()

    def outcome(
        self, r: int, failure: tuple[Status, str] | None, seconds: float, memory: float
    ) -> Outcome:
        status, message = failure or ("ok", "")
        if self.diverged[r]:
            status, message = "diverged", "The loss or the validation metric left the finite range."
        test = self.test[r] if self.test and status == "ok" else (None, None)
        final = self.curve.final_val(r) if status == "ok" else None
        return Outcome(
            seed=self.seeds[r],
            status=status,
            device=self.device,
            scores=Scores(self.curve.best_val(r), final, *test),
            cost=Cost(int(self.meter.used[r]), self.steps[r], seconds, memory),
            counters=_counters(self.optimizer, r),
            message=message,
            curve=tuple(self.curve.points[r]),
        )


class _Snapshot:
    """Copies of the parameters before a step, to put slices back."""

    def __init__(self, params: list[torch.Tensor]) -> None:
        self._params = params
        self._copies = [p.detach().clone() for p in params]

    def take(self) -> None:
        for copy, p in zip(self._copies, self._params, strict=True):
            copy.copy_(p.detach())

    def put_back(self, replicas: list[int]) -> None:
        with torch.no_grad():
            for copy, p in zip(self._copies, self._params, strict=True):
                for r in replicas:
                    p[r] = copy[r]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums depend on the number of threads, so every run uses one, wherever it runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _build(spec: OptimizerSpec, problem: Problem, values: Values, deterministic: bool) -> Stepper:
    if spec.stacking == "split":
        return SplitOptimizer(problem.params, lambda leaves: spec.build(leaves, values))
    return spec.build(problem.params, values, deterministic=deterministic)


def _counters(optimizer: Any, r: int) -> Counters:
    stats = optimizer.flow_stats() if hasattr(optimizer, "flow_stats") else {}
    return Counters(
        **{name: int(stats[name][r]) for name in ("flow_steps", "field_evals") if name in stats}
    )


def _describe(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"[:2000]
