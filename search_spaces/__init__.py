"""One file per optimizer: its ``SPEC``, with the source of every range.

The registry is the folder: the file ``lion.py`` is the optimizer "lion". Importing this package
loads no torch; a file is imported when its name is asked for.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from flowadam.errors import require_known
from flowadam.spec import OptimizerSpec

_NOT_OPTIMIZERS = ("shared",)


def names() -> list[str]:
    """Return the names of all optimizers, sorted."""
    return sorted(m.name for m in iter_modules(__path__) if m.name not in _NOT_OPTIMIZERS)


def get(name: str) -> OptimizerSpec:
    """Return the spec of one optimizer.

    Raises:
        InputError: no optimizer has this name.
    """
    require_known("optimizer", name, names())
    return import_module(f"{__name__}.{name}").SPEC


def all_specs() -> dict[str, OptimizerSpec]:
    """Return every spec by name."""
    return {name: get(name) for name in names()}
