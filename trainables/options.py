"""Checks of the options that tasks take."""

from __future__ import annotations

from pathlib import Path

from flowadam.errors import InputError

MOST_RANK = 1000
MOST_WIDTH = 4096
MOST_BATCH = 4096
MOST_PARAMETERS = 100_000_000
"""Of one replica: in float32, with gradient and two moments, 1.6 GB."""


def require_whole(name: str, value: object, low: int, high: int | None = None) -> None:
    """Raise InputError unless `value` is an int of at least `low`, and of at most `high`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise InputError(f"`{name}` must be a whole number of at least {low}, got {value!r}.")
    if high is not None and value > high:
        raise InputError(f"`{name}` must be at most {high:,}, got {value:,}.")


def require_parameters(count: int, what: str) -> None:
    """Raise InputError when a replica would have more than a hundred million parameters.

    Args:
        what: the options that make them, for the sentence.
    """
    if count > MOST_PARAMETERS:
        raise InputError(
            f"A replica may have at most {MOST_PARAMETERS:,} parameters, {what} make {count:,}."
        )


def require_file(path: Path, what: str) -> None:
    """Raise InputError when `path` is there and no plain file, such as a pipe, which may not end.

    Args:
        what: with its article, for example "The text".
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{what} must be a plain file, {path} is none.")


def require_share(name: str, value: object) -> None:
    """Raise InputError unless `value` is a number between 0 and 1, both excluded."""
    if not isinstance(value, int | float) or not 0 < value < 1:
        raise InputError(f"`{name}` must lie between 0 and 1, got {value!r}.")


def require_fraction(name: str, value: object) -> None:
    """Raise InputError unless `value` is a number of at least 0 and below 1."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise InputError(f"`{name}` must be at least 0 and below 1, got {value!r}.")
