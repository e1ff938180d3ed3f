"""Refusals of wrong options; every message states the rule, then the value."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def require(kind: str, name: object, known: Iterable[str]) -> None:
    """Raise ValueError unless `name` is one of `known`."""
    names = list(known)
    if name in names:
        return
    if not isinstance(name, str):
        raise ValueError(f"`{kind}` must be a name, got {name!r}. Known: {', '.join(names)}.")
    close = get_close_matches(name, names, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(names)}."
    raise ValueError(f"Unknown {kind} '{name}'. {hint}")


def require_count(name: str, value: int) -> None:
    """Raise ValueError unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` must be a whole number of at least 1, got {value!r}.")
