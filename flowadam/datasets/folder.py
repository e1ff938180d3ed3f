"""Where data sets lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from flowadam.errors import InputError

VARIABLE = "FLOWADAM_DATA"


def data_folder() -> Path:
    """Return the folder of data sets, which need not exist.

    It is the value of the environment variable ``FLOWADAM_DATA``, and where that is unset or
    empty ``flowadam`` in the user's cache (on Linux ``~/.cache/flowadam``).
    """
    said = os.environ.get(VARIABLE, "")
    if said:
        return Path(said).expanduser().absolute()
    return cache_folder()


def cache_folder() -> Path:
    """Return the folder of what the program made itself and can make again, in the user's cache."""
    from platformdirs import user_cache_path

    return user_cache_path("flowadam", appauthor=False)


def require_folder(folder: Path) -> None:
    """Raise InputError when something other than a folder stands where data sets should lie."""
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"Data sets lie in a folder, and {folder} is none: point {VARIABLE} to one."
        )
