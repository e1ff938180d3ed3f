"""Checks that the libraries leave out, or whose messages do not tell the value."""

from __future__ import annotations

import math

from flowadam.errors import InputError


def require_non_negative(**options: float) -> None:
    """Raise InputError unless every option is a finite number that is at least 0."""
    for name, value in options.items():
        if not 0 <= value < math.inf:
            raise InputError(f"`{name}` must be finite and at least 0, got {value}.")


def require_positive(**options: float) -> None:
    """Raise InputError unless every option is a finite number above 0."""
    for name, value in options.items():
        if not 0 < value < math.inf:
            raise InputError(f"`{name}` must be finite and above 0, got {value}.")
