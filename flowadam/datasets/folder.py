"""Where data sets lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "FLOWADAM_DATA"


def data_folder() -> Path:
    """Return the folder of data sets, which need not exist.

    It is the value of the environment variable ``FLOWADAM_DATA``, and where that is unset or
    empty ``flowadam`` in the user's cache (on Linux ``~/.cache/flowadam``).
    """
    said = os.environ.get(VARIABLE, "")
    if said:
        return Path(said).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("flowadam", appauthor=False)
