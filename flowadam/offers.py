"""What a plugin or an installed package offers, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, cast

from flowadam.errors import FlowAdamError, InputError
from flowadam.installed import Installed
from flowadam.plugins import Plugin, import_plugin, reason
from flowadam.spec import OptimizerSpec
from flowadam.task import Resources, Task

_NAME = re.compile(r"[\w.+-]+")
_MEMBERS = tuple(name for name in vars(Task) if not name.startswith("_"))
_TYPES: dict[str, type] = {
    "summary": str,
    "metric": str,
    "budget": int,
    "resources": Resources,
    "deterministic": bool,
}


@dataclass(frozen=True)
class Offers:
    """Optimizers and tasks of one file by name."""

    specs: Mapping[str, OptimizerSpec]
    tasks: Mapping[str, Task]


def offers(plugin: Plugin, imported: Callable[[object], bool]) -> Offers:
    """Return every module-level ``OptimizerSpec`` and task of a plugin, which is imported.

    Variables that begin with an underscore are the file's own affair.

    Args:
        imported: says whether an object is one of ours that the file has only imported.

    Raises:
        InputError: the file cannot be imported, offers nothing, offers a name twice, or has an
            object that is nearly a task.
    """
    module = import_plugin(plugin)
    values = {
        id(value): (f"`{name}` in the plugin {plugin.name}", value)
        for name, value in vars(module).items()
        if not name.startswith("_") and not imported(value)
    }.values()
    specs = [require_spec(v, where) for where, v in values if isinstance(v, OptimizerSpec)]
    tasks = [require_task(v, where) for where, v in values if _is_meant_as_task(v, module)]
    if not specs and not tasks:
        raise InputError(
            f"The plugin {plugin.name} offers nothing: it needs a module-level "
            "`SPEC = OptimizerSpec(...)` or a task, `TASK = MyTask()`."
        )
    return Offers(_by_name(specs, plugin), _by_name(tasks, plugin))


def installed_spec(found: Installed) -> OptimizerSpec:
    """Return the optimizer of an entry point.

    Raises:
        InputError: it cannot be loaded, is no ``OptimizerSpec``, or has another name.
    """
    spec = found.load()
    if not isinstance(spec, OptimizerSpec):
        raise InputError(f"{found.label} must be an OptimizerSpec, got {spec!r:.80}.")
    return _same_name(found, require_spec(spec, found.label))


def installed_task(found: Installed, make: Callable[[Callable[..., Any]], object]) -> Task:
    """Return the task of an entry point, which is a task or a factory of one.

    Args:
        make: calls a factory; a task itself is handed over as a factory without options.

    Raises:
        InputError: it cannot be loaded or made, is no task, or has another name.
    """
    value: Any = found.load()
    is_factory = callable(value) and (isinstance(value, type) or not hasattr(value, "make"))
    try:
        task = make(value if is_factory else lambda: value)
    except FlowAdamError:
        raise
    except Exception as error:
        raise InputError(f"{found.label} cannot be made: {reason(error)}") from error
    return _same_name(found, require_task(task, found.label))


def require_spec(spec: OptimizerSpec, where: str) -> OptimizerSpec:
    """Return `spec` if its name can be typed and stored; raise InputError otherwise."""
    _require_name(spec.name, where)
    return spec


def require_task(value: object, where: str) -> Task:
    """Return `value` if it has every member of ``flowadam.task.Task``.

    Raises:
        InputError: a member is missing or of another type; the message names it.
    """
    missing = [name for name in _MEMBERS if not _has(value, name)]
    if missing:
        raise InputError(f"{where} is no task: it lacks {', '.join(missing)}.")
    task = cast("Task", value)
    for name, kind in _TYPES.items():
        found = getattr(task, name)
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise InputError(f"{where}: `{name}` must be of type {kind.__name__}, got {found!r}.")
    _require_name(task.name, where)
    return task


def _is_meant_as_task(value: object, module: ModuleType) -> bool:
    """A task, or an object of the file's own class that has most of a task's members."""
    if isinstance(value, type | ModuleType | FunctionType):
        return False
    had = sum(_has(value, name) for name in _MEMBERS)
    return had == len(_MEMBERS) or (
        type(value).__module__ == module.__name__ and had > len(_MEMBERS) / 2
    )


def _has(value: object, name: str) -> bool:
    try:
        getattr(value, name)
    except Exception:  # a property of the user's own, which may raise anything
        return False
    return True


def _require_name(name: object, where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"{where}: a name consists of letters, digits and the signs _ . + -, got {name!r}."
        )


def _by_name(found: list[Any], plugin: Plugin) -> dict[str, Any]:
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"The plugin {plugin.name} offers '{name}' twice: rename one.")
    return dict(zip(names, found, strict=True))


def _same_name(found: Installed, value: Any) -> Any:
    if value.name != found.name:
        raise InputError(
            f"{found.label} must have the name of its entry point, got '{value.name}'."
        )
    return value
