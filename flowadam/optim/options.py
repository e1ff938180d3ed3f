"""Presets, ranges and sharing rules of FlowAdam's options."""

from __future__ import annotations

import math
from collections.abc import Callable
from difflib import get_close_matches
from numbers import Real
from typing import Any

from flowadam.optim.ode import METHODS

Group = dict[str, Any]

PRESETS: dict[str, dict[str, float]] = {
    "A": {"switch_sensitivity": 0.40, "curvature_sensitivity": 3.0, "ode_t_scale": 2.0},
    "B": {"switch_sensitivity": 0.90, "curvature_sensitivity": 0.1, "ode_t_scale": 0.5},
}

# One decision and one solve span all groups, so these cannot differ between them.
SHARED = (
    "switch_sensitivity",
    "curvature_sensitivity",
    "ode_method",
    "ode_tol",
    "injection",
    "velocity",
    "eps_placement",
    "deterministic",
    "stacked",
)

_CHOICES: dict[str, tuple[str, ...]] = {
    "mode": tuple(PRESETS),
    "ode_method": METHODS,
    "injection": ("soft", "hard", "none"),
    "velocity": ("slope", "difference"),
    "eps_placement": ("published", "torch"),
}

_NUMBERS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "lr": ("a finite number of at least 0", lambda x: 0 <= x < math.inf),
    "eps": ("a finite number of at least 0", lambda x: 0 <= x < math.inf),
    "switch_sensitivity": ("a number of at least 0", lambda x: x >= 0),
    "curvature_sensitivity": ("a number of at least 0", lambda x: x >= 0),
    "ode_t_scale": ("a positive finite number", lambda x: 0 < x < math.inf),
    "ode_tol": ("a positive finite number", lambda x: 0 < x < math.inf),
    "momentum_blend_gamma": ("a number from 0 to 1", lambda x: 0 <= x <= 1),
    "clip_value": ("a positive number", lambda x: x > 0),
}

_FLAGS = ("deterministic", "stacked")


def resolve(group: Group) -> Group:
    """Return a copy of `group` with checked options and the preset in place of every None.

    Raises:
        ValueError: an option outside its range, with its name and value.
    """
    for name, allowed in _CHOICES.items():
        _check_choice(name, group[name], allowed)
    for name in _FLAGS:
        if not isinstance(group[name], bool):
            raise ValueError(f"`{name}` must be True or False, got {group[name]!r}.")
    preset = PRESETS[group["mode"]]
    resolved = group | {name: preset[name] for name in preset if group[name] is None}
    numbers = {name: _checked_number(name, resolved[name]) for name in _NUMBERS}
    return resolved | numbers | {"betas": _checked_betas(group["betas"])}


def check_shared(first: Group, group: Group) -> None:
    """Raise ValueError when `group` differs from `first` in an option that spans all groups."""
    for name in SHARED:
        if group[name] != first[name]:
            raise ValueError(
                f"`{name}` must be equal in all parameter groups, "
                f"got {first[name]!r} and {group[name]!r}."
            )


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value in allowed:
        return
    close = get_close_matches(str(value), allowed, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    names = ", ".join(repr(choice) for choice in allowed)
    raise ValueError(f"`{name}` must be one of {names}, got {value!r}.{hint}")


def _checked_number(name: str, value: object) -> float:
    rule, holds = _NUMBERS[name]
    if not isinstance(value, Real) or isinstance(value, bool) or not holds(float(value)):
        raise ValueError(f"`{name}` must be {rule}, got {value!r}.")
    return float(value)


def _checked_betas(value: Any) -> tuple[float, float]:
    numbers = list(value) if isinstance(value, (tuple, list)) else []
    legal = [isinstance(beta, Real) and 0 <= float(beta) < 1 for beta in numbers]
    if legal != [True, True]:
        raise ValueError(f"`betas` must be two numbers from 0 to below 1, got {value!r}.")
    return float(numbers[0]), float(numbers[1])
