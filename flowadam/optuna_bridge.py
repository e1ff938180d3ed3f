"""Space <-> Optuna distributions, values <-> Optuna parameters."""

from __future__ import annotations

from collections.abc import Mapping
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
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(sampler=sampler)
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
