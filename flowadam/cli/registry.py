"""Everything that has a name on the command line: built in, of plugins, of installed packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

import search_spaces
import trainables
from flowadam.cli.task_names import split_name
from flowadam.errors import InputError
from flowadam.installed import Installed, Kind, find, installed
from flowadam.offers import offers
from flowadam.plugins import Plugin, read_plugin, require_distinct
from flowadam.spec import OptimizerSpec
from flowadam.task import Task

_BUILT_IN: dict[Kind, Any] = {"optimizer": search_spaces, "task": trainables}


class Registry:
    """Optimizers and tasks by name.

    The plugins are imported at once; an installed package only when it is asked for by name, so
    that a broken one is nobody else's concern.

    Args:
        paths: the plugins' files.

    Attributes:
        specs, tasks: what the plugins offer.

    Raises:
        InputError: a plugin cannot be used, or offers a name that exists.
    """

    def __init__(self, paths: Iterable[str | Path] = ()) -> None:
        self.plugins = tuple(read_plugin(path) for path in paths)
        require_distinct(plugin.name for plugin in self.plugins)
        self.specs: dict[str, OptimizerSpec] = {}
        self.tasks: dict[str, Task] = {}
        self._origins: dict[str, Plugin] = {}
        taken = _taken() if self.plugins else {}
        for plugin in self.plugins:
            found = offers(plugin, _is_ours)
            self._take("optimizer", plugin, found.specs, taken)
            self._take("task", plugin, found.tasks, taken)
            self.specs |= found.specs
            self.tasks |= found.tasks

    def spec(self, name: str) -> OptimizerSpec:
        """Return an optimizer; InputError names the nearest one when there is none."""
        self.origin("optimizer", name)
        return self.specs[name] if name in self.specs else search_spaces.get(name)

    def task(self, name: str, /, **options: Any) -> Task:
        """Return a task; options are for the factories of built-in and installed ones.

        They may also stand in the name: see `split_name`.

        Raises:
            InputError: an unknown name or option, or options for the task of a plugin.
        """
        self.origin("task", name)
        own, named = split_name(name)
        if own not in self.tasks:
            return trainables.get(own, **named, **options)
        if named:
            raise InputError(f"The task '{own}' of a plugin takes no options, got '{name}'.")
        return self.tasks[own]

    def origin(self, kind: Kind, name: str) -> Plugin | Installed | None:
        """Return where a task or an optimizer comes from; None means that it is built in.

        Raises:
            InputError: none has this name.
        """
        name = split_name(name)[0] if kind == "task" else name
        if f"{kind} {name}" in self._origins:
            return self._origins[f"{kind} {name}"]
        if name in _built_in(kind):
            return None
        return find(kind, name, self.names(kind))

    def names(self, kind: Kind) -> list[str]:
        """Return the names of all built-in ones, the ablations too, and of the plugins'."""
        given = self.specs if kind == "optimizer" else self.tasks
        return [*_built_in(kind), *given]

    def all_specs(self) -> dict[str, OptimizerSpec]:
        """Return all built-in optimizers and the plugins'."""
        return search_spaces.all_specs() | self.specs

    def all_tasks(self) -> dict[str, Task]:
        """Return all built-in tasks and the plugins'."""
        return {task.name: task for task in trainables.all_tasks()} | self.tasks

    def _take(
        self, kind: Kind, plugin: Plugin, found: Mapping[str, object], taken: dict[str, str]
    ) -> None:
        for name in found:
            if name in taken:
                raise InputError(
                    f"The plugin {plugin.name} offers the {kind} '{name}', and {taken[name]}: "
                    "give it another name, or begin its variable with an underscore to keep it."
                )
            taken[name] = f"the plugin {plugin.name} offers that name too"
            self._origins[f"{kind} {name}"] = plugin


def say_plugins(plugins: Iterable[Plugin]) -> None:
    """Name on the error stream the plugins whose code runs."""
    if names := ", ".join(map(str, plugins)):
        typer.echo(f"plugins: {names}", err=True)


def _taken() -> dict[str, str]:
    """Return who has which name already. Optimizers and tasks share one set of names."""
    ours = {name: "flowadam has that name" for kind in _BUILT_IN for name in _built_in(kind)}
    packages = [*installed("optimizer"), *installed("task")]
    return {p.name: f"{p.package} {p.version} offers that name too" for p in packages} | ours


def _built_in(kind: Kind) -> list[str]:
    """Return every name of ours, those too that no sweep takes by itself."""
    hidden = search_spaces.ABLATIONS if kind == "optimizer" else ()
    return [*_BUILT_IN[kind].names(), *hidden]


def _is_ours(value: object) -> bool:
    """A built-in spec that a plugin has imported, perhaps to derive its own, is no offer."""
    if not isinstance(value, OptimizerSpec) or value.name not in search_spaces.names():
        return False
    return search_spaces.get(value.name) is value
