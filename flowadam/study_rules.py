"""What a study's values may be: their types, names and ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flowadam.errors import InputError, require_known
from flowadam.plugins import require_distinct
from flowadam.probes import TRACKING
from flowadam.probes import names as probe_names
from flowadam.schedule import Schedule

if TYPE_CHECKING:
    from flowadam.study import Study

SAMPLERS = ("random", "qmc", "tpe", "gp", "cmaes")
PHASES = ("search", "confirm", "sensitivity", "timing")
NAMES = ("task", "optimizer", "plugin", "probe", "control", "phase", "sensitive")
_COUNTS = ("trials", "seeds", "confirm_seeds", "substudies", "batch", "trajectories", "repeats")
_NUMBER = (float, int)
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(
        ("name", "sampler", "selection", "dtype", "user", "item", "rating", "device", "schedule"),
        (str,),
    ),
    **dict.fromkeys((*_COUNTS, "seed"), (int,)),
    "data": (str, type(None)),
    "gpu": (*_NUMBER, type(None)),
    "time_limit": (*_NUMBER, type(None)),
    "warmup": _NUMBER,
}


def check(study: Study) -> None:
    """Raise InputError unless every value keeps its rule."""
    _check_types(study)
    for name in ("task", "optimizer"):
        if not getattr(study, name):
            raise InputError(f"A study needs at least one {name}.")
    for name in ("task", "optimizer", "probe", "phase"):
        values = getattr(study, name)
        if len(set(values)) < len(values):
            raise InputError(f"A study names each {name} once, got {list(values)}.")
    require_distinct(Path(path).name for path in study.plugin)
    for name in _COUNTS:
        least = 0 if name == "trials" else 1  # without trials the default alone is run
        _require_least(name, getattr(study, name), least)
    for name in ("gpu", "time_limit"):
        value = getattr(study, name)
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"`{name}` must be positive and finite, got {value}.")
    Schedule(study.schedule, study.warmup)
    _check_budgets(study)
    _check_choices(study)


def _check_types(study: Study) -> None:
    for name, kinds in _TYPES.items():
        value = getattr(study, name)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(f"`{name}` must be of type {kinds[0].__name__}, got {value!r}.")
    for name in NAMES:
        if not all(isinstance(v, str) for v in getattr(study, name)):
            raise InputError(f"`{name}` must list names, got {list(getattr(study, name))}.")


def _check_choices(study: Study) -> None:
    require_known("sampler", study.sampler, SAMPLERS)
    require_known("selection", study.selection, ("best", "final"))
    require_known("dtype", study.dtype, ("float32", "float64"))
    require_known("device", study.device, ("cpu", "cuda"))
    for name in study.probe:
        require_known("probe", name, (*probe_names(), *TRACKING))
    for name in study.phase:
        require_known("phase", name, PHASES)
    for key in ("control", "sensitive"):
        for name in getattr(study, key):
            require_known(key, name, study.optimizer)
    if "search" not in study.phase:
        raise InputError(f"`phase` must hold 'search', got {list(study.phase)}.")
    if "timing" in study.phase and "confirm" not in study.phase:
        raise InputError("The phase 'timing' runs confirmed winners: `phase` must hold 'confirm'.")


def _check_budgets(study: Study) -> None:
    """A number, a list of different ones, or a table of either by task."""
    if isinstance(study.budget, Mapping):
        for task in study.budget:
            require_known("task of `budget`", task, study.task)
    for task in study.task:
        budgets = study.budgets(task) or ()
        for value in budgets:
            if not isinstance(value, int) or isinstance(value, bool):
                raise InputError(f"`budget` must be of type int, got {value!r}.")
            _require_least("budget", value, 1)
        if len(set(budgets)) < len(budgets):
            raise InputError(f"`budget` names each number once, got {list(budgets)}.")


def _require_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"`{name}` must be at least {least}, got {value}.")
