"""Checks of option values; every message states the rule, then the value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from numbers import Real
from typing import Any

Rule = tuple[str, Callable[[float], bool]]

FINITE: Rule = ("a finite number of at least 0", lambda x: 0 <= x < math.inf)
NOT_NEGATIVE: Rule = ("a number of at least 0", lambda x: x >= 0)
POSITIVE: Rule = ("a positive finite number", lambda x: 0 < x < math.inf)
SHARE: Rule = ("a number from 0 to 1", lambda x: 0 <= x <= 1)


def known(group: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raise ValueError for a key of a group that looks like a misspelt option.

    Other keys may stand there, as in torch: schedulers and users keep notes in groups.
    """
    for name in group:
        close = get_close_matches(name, options, n=1, cutoff=0.8)
        if name not in options and close and name != "params":
            raise ValueError(f"Unknown option '{name}' in a group. Did you mean '{close[0]}'?")


def number(name: str, value: Any, rule: Rule) -> float:
    """Return `value` as a plain float, so that checkpoints can be read with ``weights_only``."""
    words, holds = rule
    if not _is_number(value) or not holds(float(value)):
        raise ValueError(f"`{name}` must be {words}, got {value!r}.")
    return float(value)


def betas(value: Any) -> tuple[float, float]:
    """Return two decay rates as plain floats."""
    rates = list(value) if isinstance(value, (tuple, list)) else []
    if len(rates) != 2 or not all(_is_number(rate) and 0 <= float(rate) < 1 for rate in rates):
        raise ValueError(f"`betas` must be two numbers from 0 to below 1, got {value!r}.")
    return float(rates[0]), float(rates[1])


def choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return `value`, which must be one of `allowed`."""
    if isinstance(value, str) and value in allowed:
        return value
    folded = {option.casefold(): option for option in reversed(allowed)}
    close = get_close_matches(str(value).casefold(), folded, n=1)
    hint = f" Did you mean {folded[close[0]]!r}?" if close else ""
    names = ", ".join(repr(option) for option in allowed)
    raise ValueError(f"`{name}` must be one of {names}, got {value!r}.{hint}")


def flag(name: str, value: object) -> bool:
    """Return `value`, which must be True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False, got {value!r}.")
    return value


def equal(name: str, first: object, other: object) -> None:
    """Refuse an option that spans all groups and differs between two of them."""
    if first != other:
        raise ValueError(
            f"`{name}` must be equal in all parameter groups, got {first!r} and {other!r}."
        )


def _is_number(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True
