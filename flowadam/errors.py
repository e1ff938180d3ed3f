"""Errors that a user can mend, and the search for the nearest right name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FlowAdamError(Exception):
    """A failure that the program can say in one sentence (exit code 1)."""


class InputError(FlowAdamError):
    """Wrong input: the message states the rule, then the value (exit code 2)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Name the closest known spelling, as the tail of an error sentence.

    Returns ``" Did you mean 'x'?"`` when one name is close, otherwise the list of all names.
    """
    names = sorted(known)
    folded = {known.casefold(): known for known in reversed(names)}
    close = get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{folded[close[0]]}'?"
    return f" Known: {', '.join(names)}." if names else ""


def require_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise InputError unless `name` is one of `known`."""
    known = list(known)
    if name not in known:
        raise InputError(f"Unknown {kind} '{name}'.{nearest(name, known)}")
