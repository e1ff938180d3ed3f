"""A claim on a quadratic, and optimizers whose true order is known."""

from __future__ import annotations

from typing import Any

import torch

from flowadam.audit.claims import Claim
from flowadam.audit.read import make_claims
from flowadam.audit.studies import AuditBench, Effort
from flowadam.errors import require_known
from flowadam.rows import Row
from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from flowadam.sweep import LocalEngine, Stop
from flowadam.task import Task
from trainables.small.coupling import coupling_quadratic


class Spender(torch.optim.SGD):
    """Gradient descent that calls the closure `calls` times a step and uses the last gradient."""

    def __init__(self, params: Any, lr: float, calls: int) -> None:
        super().__init__(params, lr=lr)
        self._calls = calls

    def step(self, closure: Any = None) -> Any:
        for _ in range(self._calls - 1):
            closure()
        return super().step(closure)


def spender(params: Any, *, lr: float = 0.1, calls: int = 1) -> Spender:
    """Return gradient descent of that many closure calls a step."""
    return Spender(params, lr, calls)


SPEC = OptimizerSpec(
    name="spender",
    factory=spender,
    space=Space(
        (
            Float("opt.lr", 0.45, 0.5, source="made up: all of it is good"),
            Float("task.penalty", 1e-9, 1e-8, source="made up: none of it is felt", log=True),
        )
    ),
    defaults={"opt.lr": 0.1, "task.penalty": 0.0},
    source="tests",
)


def find_spec(name: str) -> OptimizerSpec:
    require_known("optimizer", name, ["spender"])
    return SPEC


def find_task(name: str) -> Task:
    from flowadam.cli.task_names import split_name

    own, options = split_name(name)
    require_known("task", own, ["coupling_quadratic"])
    return coupling_quadratic(**options)


CLAIM: dict[str, Any] = {
    "key": "made-up",
    "kind": "better",
    "task": "coupling_quadratic",
    "steps": 24,
    "optimizer": "greedy",
    "against": ["plain"],
    "claimed": {"plain": 0.05},
}
CONTENDERS: dict[str, Any] = {
    # Ahead for three reasons: a penalty that pulls to the minimum, at 0; a better rate; and three
    # gradients in every step, of which it uses one.
    "greedy": {"optimizer": "spender", "options": {"lr": 0.3, "calls": 3}, "penalty": 0.3},
    "plain": {"optimizer": "spender", "options": {"lr": 0.25}},
}


def claim(**keys: Any) -> Claim:
    """Return the claim with other keys; `contender` tables are merged with these."""
    contenders = {**CONTENDERS, **keys.pop("contender", {})}
    known = {key: value for key, value in {**CLAIM, **keys}.items() if value is not None}
    return make_claims({"claim": [known], "contender": contenders}, "tests").claims[0]


class Watcher:
    """Counts rows, and asks for a stop after so many."""

    def __init__(self, stop: Stop, after: int | None = None) -> None:
        self.count, self._stop, self._after = 0, stop, after

    def phase(self, name: str, total: int, done: int) -> None:
        """Nothing is shown."""

    def rows(self, rows: list[Row]) -> None:
        self.count += len(rows)
        if self._after is not None and self.count >= self._after:
            self._stop.request()


def bench(after: int | None = None, **effort: int) -> tuple[AuditBench, Watcher]:
    """Return a bench that stops itself after so many rows, and who watches it."""
    stop = Stop()
    watcher = Watcher(stop, after)
    sizes = Effort(**{"trials": 2, "search_seeds": 1, "seeds": 5, **effort})
    return AuditBench(find_task, find_spec, LocalEngine(), watcher, stop, str, sizes), watcher
