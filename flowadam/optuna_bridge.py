"""Space <-> Optuna distributions, values <-> Optuna parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from flowadam.space import Float, Int, Parameter, Space, Value


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution of each parameter; ``one_minus`` ones are those of 1 - x."""
    return {p.name: _distribution(p) for p in space}


def to_optuna(space: Space, values: Mapping[str, Value]) -> dict[str, Any]:
    """Map our values to Optuna's parameters, clipped into the range against rounding."""
    return {p.name: _to_optuna(p, values[p.name]) for p in space}


def from_optuna(space: Space, params: Mapping[str, Any]) -> dict[str, Value]:
    """Map Optuna's parameters to our values."""
    return {p.name: _from_optuna(p, params[p.name]) for p in space}


def random_values(space: Space, seed: int) -> dict[str, Value]:
    """Draw one point by Optuna's RandomSampler with a seed of its own (its low 32 bits)."""
    sampler = optuna.samplers.RandomSampler(seed=seed % 2**32)
    study = _quiet_study(sampler)
    return from_optuna(space, study.ask(distributions(space)).params)


def _quiet_study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    with _quiet():
        return optuna.create_study(sampler=sampler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's log to errors."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _distribution(p: Parameter) -> BaseDistribution:
    if isinstance(p, Float):
        if p.one_minus:
            return FloatDistribution(1 - p.high, 1 - p.low, log=True)
        return FloatDistribution(p.low, p.high, log=p.log)
    if isinstance(p, Int):
        return IntDistribution(p.low, p.high)
    return CategoricalDistribution(list(p.options))


def _to_optuna(p: Parameter, value: Value) -> Any:
    if isinstance(p, Float) and p.one_minus:
        return min(max(1 - float(value), 1 - p.high), 1 - p.low)
    return value


def _from_optuna(p: Parameter, value: Any) -> Value:
    if isinstance(p, Float) and p.one_minus:
        return min(max(1 - float(value), p.low), p.high)
    return value


class CellSampler:
    """An adaptive Optuna sampler for one cell: points are asked by number and told in order.

    Every ask uses a fresh sampler seeded by its number, so the next point is a function of the
    points asked and told before and of nothing else: a study rebuilt from its record goes on with
    the same points. Points are Optuna's parameters, as its samplers saw them: 1 - x of a
    ``one_minus`` parameter has digits that x has not. `from_optuna` returns the values.

    Args:
        space: the cell's space.
        kind: "tpe", "gp" or "cmaes".
        seed: ``seed(number)`` returns the seed of an ask.
    """

    def __init__(self, space: Space, kind: str, seed: Callable[[int], int]) -> None:
        self._space, self._kind, self._seed = space, kind, seed
        self._distributions = distributions(space)
        self._study = _quiet_study(optuna.samplers.RandomSampler(seed=0))
        self._numbers: dict[int, int] = {}
        self._worst: float | None = None

    def ask(self, number: int) -> dict[str, Any]:
        """Return the point with this number, which stays open until told."""
        self._study.sampler = _sampler(self._kind, self._seed(number) % 2**32, self._space)
        with _quiet():
            trial = self._study.ask(self._distributions)
        self._numbers[number] = trial.number
        return trial.params

    def restore(self, number: int, params: Mapping[str, Any]) -> None:
        """Enter a point asked in an earlier process, open again.

        CMA-ES keeps its state with the trials that it was asked for, so it is asked again; when
        the answer is another one (different packages, added seeds) it begins a new distribution.
        """
        if self._kind == "cmaes":
            if self.ask(number) == params:
                return
            self._study.tell(self._numbers[number], state=optuna.trial.TrialState.FAIL)
        self._numbers[number] = len(self._study.get_trials(deepcopy=False))
        self._study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=dict(params),
                distributions=self._distributions,
            )
        )

    def tell(self, number: int, score: float) -> None:
        """Close a point. A non-finite score is told as the worst finite one before it.

        With no finite score before it the point is closed as failed, so no sampler ever sees a
        number that is not one.
        """
        if math.isfinite(score):
            self._worst = score if self._worst is None else max(self._worst, score)
            self._study.tell(self._numbers[number], score)
        elif self._worst is not None:
            self._study.tell(self._numbers[number], self._worst)
        else:
            self._study.tell(self._numbers[number], state=optuna.trial.TrialState.FAIL)


def _sampler(kind: str, seed: int, space: Space) -> optuna.samplers.BaseSampler:
    """Return a sampler with every argument that changes its points written out."""
    if kind == "tpe":
        return optuna.samplers.TPESampler(
            n_startup_trials=10,
            n_ei_candidates=24,
            multivariate=True,
            constant_liar=True,
            seed=seed,
        )
    if kind == "gp":
        return optuna.samplers.GPSampler(
            n_startup_trials=10, deterministic_objective=False, seed=seed
        )
    independent = optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.CmaEsSampler(
        n_startup_trials=max(10, len(space)),
        independent_sampler=independent,
        warn_independent_sampling=False,
        seed=seed,
    )
