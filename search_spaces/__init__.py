"""One file per optimizer: its ``SPEC``, with the source of every range.

The registry is the folder: the file ``lion.py`` is the optimizer "lion". Importing this package
loads no torch; a file is imported when its name is asked for. Names that are not here are looked
for among the entry points ``flowadam.optimizers`` of installed packages.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from flowadam import installed, offers
from flowadam.spec import OptimizerSpec

_NOT_OPTIMIZERS = ("ablations", "adapters", "shared")

ABLATIONS = (
    "flowadam_damped",
    "flowadam_euler",
    "flowadam_hard",
    "flowadam_moment",
    "flowadam_periodic",
    "flowadam_random",
    "flowadam_skip",
    "flowadam_still",
    "flowadam_unmixed",
)
"""FlowAdam with one part changed: optimizers that run where they are asked for by name."""


def names() -> list[str]:
    """Return the names of all built-in optimizers but the ablations, sorted."""
    return sorted(m.name for m in iter_modules(__path__) if m.name not in _NOT_OPTIMIZERS)


def get(name: str) -> OptimizerSpec:
    """Return the spec of one optimizer, built in or of an installed package.

    Raises:
        InputError: no optimizer has this name, or the package's one cannot be loaded.
    """
    if name in (known := names()):
        return import_module(f"{__name__}.{name}").SPEC
    if name in ABLATIONS:
        return import_module(f"{__name__}.ablations").SPECS[name]
    return offers.installed_spec(installed.find("optimizer", name, [*known, *ABLATIONS]))


def all_specs() -> dict[str, OptimizerSpec]:
    """Return every built-in spec by name."""
    return {name: get(name) for name in names()}
