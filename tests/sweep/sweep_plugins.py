"""Tasks and optimizers that do to a sweep what users' own ones may do."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import torch

from flowadam.contract.faults import Counting
from flowadam.contract.quadratic import QuadraticTask
from flowadam.space import Choice, Float, Space
from flowadam.spec import OptimizerSpec
from flowadam.sweep import Catalog
from flowadam.task import Problem

GATE = "FLOWADAM_TEST_GATE"
LR = Float("opt.lr", 1e-3, 1.0, "test", log=True)
BETA = Float("opt.beta", 0.5, 0.99, "test", one_minus=True)
PENALTY = Float("task.penalty", 1e-6, 1e-2, "test", log=True)
TROUBLE = Choice("opt.trouble", (False, True), "test")


class Slow(Counting):
    """Sleeps in every gradient evaluation, and for as long as the file of `GATE` is there."""

    seconds = 0.0

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        time.sleep(self.seconds)
        while Path(os.environ.get(GATE, "/no gate")).exists():
            time.sleep(0.05)
        return super().closure(active)


@dataclass(frozen=True)
class SlowTask(QuadraticTask):
    """The quadratic under a name of its own, `seconds` slower per gradient evaluation."""

    name: str = "slow"
    seconds: float = 0.0
    budget: int = 10

    def make(self, *args: Any, **options: Any) -> Problem:
        problem = Slow(super().make(*args, **options))
        problem.seconds = self.seconds
        return problem


def sgd(params: Any, *, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=lr)


def momentum(params: Any, *, lr: float, beta: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=lr, momentum=beta)


class Troubled(torch.optim.SGD):
    """Gets into trouble at its third step when told so."""

    def __init__(self, params: Any, lr: float, trouble: Callable[[], None] | None) -> None:
        super().__init__(params, lr=lr)
        self._trouble, self._count = trouble, 0

    def step(self, closure: Any = None) -> Any:
        self._count += 1
        if self._trouble and self._count == 3:
            self._trouble()
        return super().step(closure)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_forever() -> None:
    while True:
        time.sleep(3600)


def compute_forever() -> None:
    """Stay in one call into C that never gives Python a chance."""
    deque(repeat(0), maxlen=0)


def fail() -> None:
    raise ValueError("no \udc80 way \N{SNOWMAN}")


def leave() -> None:
    sys.exit(3)


TROUBLES = {
    "die": die,
    "sleep_forever": sleep_forever,
    "compute_forever": compute_forever,
    "fail": fail,
    "leave": leave,
}


def troubled(params: Any, *, lr: float, trouble: bool, kind: str) -> torch.optim.Optimizer:
    return Troubled(params, lr, TROUBLES[kind] if trouble else None)


def exploding(params: Any, *, lr: float, trouble: bool) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=1e30 if trouble else lr)


def _spec(name: str, factory: Callable[..., Any], *parameters: Any) -> OptimizerSpec:
    defaults = {"opt.lr": 0.1, "opt.beta": 0.9, "opt.trouble": False, "task.penalty": 1e-4}
    space = Space((LR, *parameters, PENALTY))
    return OptimizerSpec(name, factory, space, {n: defaults[n] for n in space.names}, "test")


SPECS: Mapping[str, OptimizerSpec] = {
    "sgd": _spec("sgd", sgd),
    "momentum": _spec("momentum", momentum, BETA),
    "exploding": _spec("exploding", exploding, TROUBLE),
    **{kind: _spec(kind, partial(troubled, kind=kind), TROUBLE) for kind in TROUBLES},
}


def catalog(tasks: Mapping[str, float], optimizers: list[str], budget: int = 10) -> Catalog:
    """Return tasks by name, with the seconds that a gradient takes, and the named optimizers."""
    made = {n: SlowTask(name=n, seconds=s, budget=budget) for n, s in tasks.items()}
    return Catalog(made, {name: SPECS[name] for name in optimizers})
