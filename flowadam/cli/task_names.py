"""Tasks with options in their names: ``coupling_digits:coupling=0.5,data_seed=1``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from flowadam.errors import InputError

_PAIRS = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
"""Commas outside of quotes."""


def split_name(name: str) -> tuple[str, dict[str, Any]]:
    """Return a task's own name and the options that follow its colon.

    Values are read as TOML (numbers, true, false, quoted text, in which commas may stand); anything
    else is text. A study knows a task by the whole, so that one task may stand in it several times.

    Raises:
        InputError: an option without value, or given twice.
    """
    own, colon, rest = name.partition(":")
    options: dict[str, Any] = {}
    for pair in _PAIRS.split(rest) if colon else ():
        option, _, value = (part.strip() for part in pair.partition("="))
        if not (option and value):
            raise InputError(
                f"Options of a task are NAME:option=value,..., each with a value, got '{name}'."
            )
        if option in options:
            raise InputError(f"'{name}' gives the option '{option}' twice.")
        options[option] = _value(value)
    return own, options


def require_different(names: Sequence[str]) -> None:
    """Raise InputError when two names mean one task, such as ``a:x=0.5`` and ``a:x=0.50``."""
    seen: dict[str, str] = {}
    for name in names:
        own, options = split_name(name)
        meaning = f"{own} {sorted(options.items())}"
        if meaning in seen:
            raise InputError(f"'{seen[meaning]}' and '{name}' are the same task: leave one out.")
        seen[meaning] = name


def _value(text: str) -> Any:
    number = f"0{text}" if text.startswith(".") else text
    try:
        return tomllib.loads(f"value = {number}")["value"]
    except tomllib.TOMLDecodeError:
        return text
