"""Checks of the options that tasks take."""

from __future__ import annotations

from flowadam.errors import InputError


def require_whole(name: str, value: object, low: int) -> None:
    """Raise InputError unless `value` is an int of at least `low`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise InputError(f"`{name}` must be a whole number of at least {low}, got {value!r}.")


def require_share(name: str, value: object) -> None:
    """Raise InputError unless `value` is a number between 0 and 1, both excluded."""
    if not isinstance(value, int | float) or not 0 < value < 1:
        raise InputError(f"`{name}` must lie between 0 and 1, got {value!r}.")


def require_fraction(name: str, value: object) -> None:
    """Raise InputError unless `value` is a number of at least 0 and below 1."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise InputError(f"`{name}` must be at least 0 and below 1, got {value!r}.")
