"""The configuration at which an optimizer is checked: its defaults, at a rate that works here."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from torch import nn

from flowadam.contract.loop import Loop
from flowadam.contract.modules import Bowl, Regression, start
from flowadam.contract.result import CheckSkipped
from flowadam.space import Value, Values
from flowadam.spec import OptimizerSpec

NO_CHANGES: Values = MappingProxyType({})
UNITS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
STEPS, FACTOR = 40, 0.85
_RATES: dict[int, tuple[OptimizerSpec, float]] = {}
"""By identity of the spec, which is kept so that no other takes its place."""


def working_values(spec: OptimizerSpec) -> dict[str, Value]:
    """Return the defaults with the largest rate of the space, of ten, that works on the modules.

    A rate works when 40 steps take 15 % off the loss of both. Where none does the largest is
    returned, and the checks will say so.
    """
    values = {**spec.defaults, "task.penalty": 0.0}
    for option in spec.space:
        if option.name == "opt.lr":
            rates = [float(option.from_unit(unit)) for unit in UNITS]
            values["opt.lr"] = _working_rate(spec, values, rates)
    return values


def learning_rate(spec: OptimizerSpec) -> float:
    """Return the learning rate of `working_values`.

    Raises:
        CheckSkipped: the optimizer has none.
    """
    if "opt.lr" not in spec.defaults:
        raise CheckSkipped(f"{spec.name} has no option `lr`.")
    return float(working_values(spec)["opt.lr"])


def ordinary(
    spec: OptimizerSpec,
    module: nn.Module | None = None,
    *,
    changes: Values = NO_CHANGES,
    params: Sequence[Any] | None = None,
    noisy: bool = False,
    **options: Any,
) -> Loop:
    """Return an ordinary loop at `working_values` and `changes`, over a `Regression` by default."""
    module = Regression() if module is None else module
    values = {**working_values(spec), **changes}
    return Loop(spec, module, values, params=params, noisy=noisy, **options)


def _working_rate(spec: OptimizerSpec, values: Values, rates: Sequence[float]) -> float:
    if id(spec) not in _RATES:
        found = (rate for rate in rates if _works(spec, {**values, "opt.lr": rate}))
        _RATES[id(spec)] = (spec, next(found, rates[0]))
    return _RATES[id(spec)][1]


def _works(spec: OptimizerSpec, values: Values) -> bool:
    for module in (Regression(), Bowl([start(2, 3), start(5)])):
        loop = Loop(spec, module, values)
        before = loop.loss().item()
        loop.advance(STEPS)
        if not loop.loss().item() <= FACTOR * before:
            return False
    return True
