"""The check of constructor arguments."""

from __future__ import annotations

import inspect
import math

from flowadam.contract.modules import Regression
from flowadam.contract.result import ContractBroken, require
from flowadam.errors import InputError
from flowadam.spec import OptimizerSpec


def checks_its_arguments(spec: OptimizerSpec) -> None:
    """nan and -1 are refused for every number that the factory takes, with the value in the text.

    Raised must be ValueError or InputError, by the constructor. A seed may be negative.
    """
    for name, default in _numbers(spec).items():
        _check(spec, name, math.nan)
        if not name.endswith("seed"):
            _check(spec, name, type(default)(-1))


def _check(spec: OptimizerSpec, name: str, value: float) -> None:
    try:
        spec.build(
            list(Regression().parameters()), {**spec.defaults, f"opt.{name}": value}, stacked=False
        )
    except (ValueError, InputError) as error:
        told = str(value) in str(error)
        require(told, f"The message for `{name}` = {value} does not tell the value: {error}")
        return
    raise ContractBroken(f"`{name}` = {value} was accepted.")


def _numbers(spec: OptimizerSpec) -> dict[str, float]:
    """Return the defaults of the factory's numeric arguments."""
    parameters = inspect.signature(spec.factory).parameters.values()
    return {
        p.name: p.default
        for p in parameters
        if isinstance(p.default, int | float) and not isinstance(p.default, bool)
    }
