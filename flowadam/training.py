"""One stacked run that can be advanced piece by piece, saved and restored."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import Any

import torch

from flowadam.curve import CurveRecorder
from flowadam.errors import InputError
from flowadam.meter import GradMeter
from flowadam.probes.recorder import ProbeRecorder
from flowadam.rates import Rates
from flowadam.schedule import CONSTANT, Schedule
from flowadam.space import Values
from flowadam.spec import OptimizerSpec
from flowadam.stacking import SplitOptimizer, Stepper
from flowadam.task import DifferentiableProblem, Problem, Task

MAX_IDLE_STEPS = 100


class Training:
    """R replicas of one configuration on one task: problem, optimizer, meter and curve.

    Args:
        values: every ``opt.*`` option and ``task.penalty``.
        seeds: one replica each; initialization and order only.
        budget: gradient evaluations per replica.
        test_unlocked: the test part may be read.
        time_limit: wall seconds from now; those of the probes are left out, which have as many.
        probes: names of probes, read at the marks of the curve; the run is the same without.
        schedule: of the learning rate, as a function of the used budget.

    Attributes:
        steps: optimizer steps whose result lies within the budget, per replica.
        diverged: replicas whose loss or validation metric left the finite range.
    """

    def __init__(
        self,
        task: Task,
        spec: OptimizerSpec,
        values: Values,
        seeds: Sequence[int],
        budget: int,
        *,
        test_unlocked: bool = False,
        device: str = "cpu",
        dtype: str = "float32",
        time_limit: float | None = None,
        probes: Sequence[str] = (),
        schedule: Schedule = CONSTANT,
    ) -> None:
        self._metric, self._budget = task.metric, budget
        self.problem = task.make(
            seeds,
            penalty=float(values.get("task.penalty", 0.0)),
            test_unlocked=test_unlocked,
            device=device,
            dtype=dtype,
        )
        self.meter = GradMeter(self.problem, time_limit=time_limit)
        self.optimizer = _build(spec, task, self.problem, values, seeds, self.meter, schedule)
        self._rates = Rates(schedule, self.optimizer, budget)
        self.curve = CurveRecorder(self.problem, task.metric, budget)
        self.probes = ProbeRecorder(
            probes,
            self.problem,
            self.optimizer,
            seeds,
            time_limit=time_limit,
            on_time=self.meter.leave_out,
        )
        self.steps = [0] * len(seeds)
        self.diverged = [False] * len(seeds)
        self._k = self._idle = 0
        self._seconds = 0.0
        self._before = _Snapshot(self.problem.params)
        start = torch.full((len(seeds),), torch.nan)
        self.curve.record(list(range(len(seeds))), [0] * len(seeds), self.steps, start)

    @property
    def done(self) -> bool:
        """No replica is live: each has used its budget or diverged."""
        return not bool(self.meter.live.any())

    def advance(self, until: int | None = None) -> None:
        """Step until every live replica has used `until` evaluations (default: the budget)."""
        until = self._budget if until is None else until
        with one_thread():
            while not self.done and int(self.meter.used[self.meter.live].min()) < until:
                self._step()

    def read_test(self) -> list[tuple[float, float]]:
        """Return the test metric at the best and at the last weights; leave the best in place."""
        final = self._test_values()
        _copy_into(self.problem.params, self.curve.best)
        return list(zip(self._test_values(), final, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a continuation needs, as tensors and plain values."""
        return {
            "params": [p.detach().clone() for p in self.problem.params],
            "optimizer": deepcopy(self.optimizer.state_dict()),
            "used": self.meter.used.clone(),
            "live": self.meter.live.clone(),
            "curve": self.curve.state_dict(),
            "probes": self.probes.state_dict(),
            "steps": list(self.steps),
            "diverged": list(self.diverged),
            "k": self._k,
            "seconds": self._seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state` as if nothing had happened."""
        _copy_into(self.problem.params, state["params"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.meter.used.copy_(state["used"])
        self.meter.live.copy_(state["live"])
        self.curve.load_state_dict(state["curve"])
        self.probes.load_state_dict(state["probes"])
        self.steps, self.diverged = list(state["steps"]), list(state["diverged"])
        self._k, self._seconds = state["k"], state["seconds"]

    def _step(self) -> None:
        self.problem.begin_step(self._k)
        if self._k == 0:  # the start is probed here, where there is a batch
            self.probes.record({r: points[0] for r, points in enumerate(self.curve.points)}, None)
        self._before.take()
        live, used = self.meter.live.tolist(), self.meter.used.tolist()
        self._rates.set(used, live)
        began = time.perf_counter()
        losses = self.optimizer.step(self.meter.closure)
        self._seconds += time.perf_counter() - began
        self._idle = self._idle + 1 if self.meter.used.tolist() == used else 0
        if self._idle == MAX_IDLE_STEPS:
            raise RuntimeError(f"{self._idle} steps in a row evaluated no gradient.")
        self._settle([r for r, on in enumerate(live) if on], used, losses)
        self._k += 1

    def _settle(self, live: list[int], before: list[int], losses: torch.Tensor) -> None:
        """Book one step: undo what lies beyond the budget, record marks, freeze what is done."""
        now, finite = self.meter.used.tolist(), torch.isfinite(losses).tolist()
        over = {r for r in live if now[r] > self._budget}
        frozen = set(range(len(now))) - set(live)
        self._before.put_back(sorted(frozen | over))
        at = [before[r] if r in over else now[r] for r in range(len(now))]
        for r in live:
            self.diverged[r] = not finite[r]
            self.steps[r] += r not in over
        due = [r for r in live if self.curve.due(at[r], r, last=now[r] >= self._budget)]
        self.curve.record(due, at, self.steps, losses, self._seconds / len(now))
        for r in due:
            self.diverged[r] |= not math.isfinite(self.curve.points[r][-1].val)
        marked = {r: self.curve.points[r][-1] for r in due if not self.diverged[r]}
        self.probes.record(marked, self._before.copies, over)
        ended = [n >= self._budget or d for n, d in zip(now, self.diverged, strict=True)]
        self.meter.live &= ~torch.tensor(ended)

    def _test_values(self) -> list[float]:
        return self.problem.evaluate("test")[self._metric].tolist()


class _Snapshot:
    """Copies of the parameters before a step, to put slices back."""

    def __init__(self, params: list[torch.Tensor]) -> None:
        self._params = params
        self.copies = [p.detach().clone() for p in params]

    def take(self) -> None:
        for copy, p in zip(self.copies, self._params, strict=True):
            copy.copy_(p.detach())

    @torch.no_grad()
    def put_back(self, replicas: list[int]) -> None:
        for copy, p in zip(self.copies, self._params, strict=True):
            for r in replicas:
                p[r] = copy[r]


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread: sums depend on the number of threads, and small problems lose by more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _build(
    spec: OptimizerSpec,
    task: Task,
    problem: Problem,
    values: Values,
    seeds: Sequence[int],
    meter: GradMeter,
    schedule: Schedule,
) -> Stepper:
    if spec.needs_graph and not isinstance(problem, DifferentiableProblem):
        raise InputError(
            f"{spec.name} takes second derivatives, so it needs a problem with a method `losses` "
            f"that autograd can differentiate; that of {task.name} has none."
        )
    # Replicas of a native one may use their budgets at different speeds, so each has its own rate.
    apart = spec.stacking == "native" and not schedule.is_constant
    if spec.stacking == "split" or apart:
        differentiate = meter.differentiate if spec.needs_graph else None
        options = {"stacked": False, "deterministic": task.deterministic}
        build = partial(spec.build, values=values, **options)
        at_points = meter.at_points if isinstance(problem, DifferentiableProblem) else None
        return SplitOptimizer(problem.params, build, meter.live, seeds, differentiate, at_points)
    return spec.build(problem.params, values, deterministic=task.deterministic)


@torch.no_grad()
def _copy_into(params: list[torch.Tensor], values: list[torch.Tensor]) -> None:
    for p, value in zip(params, values, strict=True):
        p.copy_(value)
