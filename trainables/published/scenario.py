"""What a published experiment is made of, and how one run of it goes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from flowadam.task import Problem

S5 = (42, 123, 456, 789, 999)
"""The seeds of most published tables."""


@dataclass(frozen=True)
class Contender:
    """An optimizer as the paper's script sets it up.

    Args:
        make: builds it from the parameters, with its fixed rate.
        penalty: weight of the L2 term in the loss. A coupled `weight_decay` d, which adds d theta
            to the gradient, is the penalty d / 2; a decoupled one belongs into `make`.
        steps: optimizer steps, None for the scenario's.
    """

    make: Callable[[list[Tensor]], Optimizer]
    penalty: float = 0.0
    steps: int | None = None


@dataclass(frozen=True)
class Claim:
    """A published mean over seeds, with the deviation that its authors allow."""

    mean: float
    tolerance: float

    def holds(self, measured: float) -> bool | None:
        """Return None where the tolerance reaches the number itself, and so allows anything."""
        if self.tolerance >= abs(self.mean):
            return None
        return abs(measured - self.mean) <= self.tolerance


@dataclass(frozen=True)
class Margin(Claim):
    """A published share by which a contender's mean is below that of `against`.

    It is 1 - mean / (mean of `against`), for example 0.12 for "12 % lower".
    """

    against: str


@dataclass(frozen=True)
class Run:
    """What one contender reached on one seed.

    Attributes:
        value: the scenario's metric of the last iterate.
        gradients: closure calls.
        flow_steps: flow steps, 0 for optimizers without.
        seconds: wall time.
    """

    scenario: str
    contender: str
    seed: int
    value: float
    gradients: int
    flow_steps: int
    seconds: float


@dataclass(frozen=True)
class Scenario:
    """A published experiment.

    Args:
        name: the name of the fair task of the same data, where there is one.
        key: where its claims stand in the published list, for example "C6".
        metric: what is compared, as the paper calls it.
        steps: optimizer steps, equal for all contenders that name no number of their own.
        problem: builds the problem of one seed with an L2 weight: one replica, test unlocked.
        contenders: by name.
        claims: published means by contender; some contenders have none.
        score: the metric of a finished run from the problem and the loss before the last update.
        margins: published differences between two contenders, by the one that is ahead.
        spread: published share by which the worst contender's mean is above the best one's.
        flow_steps: published numbers of flow steps in a run, by contender.
        patience: steps without a better validation metric after which a run ends and its best state
            is scored; None: all steps are made and the last state is scored.
        data: the data set that it needs, see ``flowadam data list``; "" for none.
        by_name: it takes hours to days, so it runs only when it is asked for by its name.
    """

    name: str
    key: str
    metric: str
    steps: int
    problem: Callable[[int, float], Problem]
    contenders: Mapping[str, Contender]
    claims: Mapping[str, Claim]
    score: Callable[[Problem, float], float]
    seeds: tuple[int, ...] = S5
    margins: Mapping[str, tuple[Margin, ...]] = field(default_factory=dict)
    spread: Claim | None = None
    flow_steps: Mapping[str, Claim] = field(default_factory=dict)
    patience: int | None = None
    data: str = ""
    by_name: bool = False

    def run(self, contender: str, seed: int) -> Run:
        """Train `contender` and score it."""
        began, one = time.perf_counter(), self.contenders[contender]
        problem, calls = self.problem(seed, one.penalty), 0

        def closure() -> Tensor:
            nonlocal calls
            calls += 1
            return problem.closure().sum()

        optimizer: Any = one.make(problem.params)
        best = Best(self.patience)
        loss = value = math.nan
        for k in range(one.steps or self.steps):
            problem.begin_step(k)
            loss = float(optimizer.step(closure))
            if self.patience and best.improves(problem):
                value = self.score(problem, loss)
            if best.is_over:
                break
        value = value if self.patience else self.score(problem, loss)
        seconds = time.perf_counter() - began
        flows = int(_stats(optimizer).get("flow_steps", 0))
        return Run(self.name, contender, seed, value, calls, flows, seconds)


class Best:
    """The lowest validation RMSE of a run so far.

    Args:
        patience: see `Scenario`.
    """

    def __init__(self, patience: int | None) -> None:
        self._patience, self._value, self._since = patience, math.inf, 0

    @property
    def is_over(self) -> bool:
        return self._patience is not None and self._since >= self._patience

    def improves(self, problem: Problem) -> bool:
        """Read the validation part and say whether it is better than ever."""
        found = float(problem.evaluate("val")["rmse"])
        improved = found < self._value
        self._value, self._since = min(found, self._value), 0 if improved else self._since + 1
        return improved


def tested(metric: str) -> Callable[[Problem, float], float]:
    """Return the score that reads `metric` on the test part."""
    return lambda problem, _: float(problem.evaluate("test")[metric])


def _stats(optimizer: Any) -> Mapping[str, Any]:
    return optimizer.flow_stats() if hasattr(optimizer, "flow_stats") else {}
