"""A user's own Python file: read, hashed, and imported by its content on every machine."""

from __future__ import annotations

import hashlib
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.abc import InspectLoader
from importlib.util import decode_source, module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

from flowadam.errors import FlowAdamError, InputError

HASH_DIGITS = 12
_KEPT = re.compile(rf"plugins/([0-9a-f]{{{HASH_DIGITS}}})/[^/]+$")


@dataclass(frozen=True)
class Plugin:
    """One Python file with optimizers or tasks: its name, and its content as bytes.

    The module is made from the content and never from a path, so the driver, its workers and a
    later replay run the same code. Its ``__file__`` is the plugin's text ``name@hash``, which leads
    nowhere on any machine.

    A pickled plugin is imported where it arrives. Whatever follows it in the same pickle may
    therefore refer to its classes and functions.
    """

    name: str
    source: bytes

    @property
    def hash(self) -> str:
        """The first 12 digits of the content's SHA-256, as ``sha256sum`` prints it."""
        return hashlib.sha256(self.source).hexdigest()[:HASH_DIGITS]

    @property
    def module(self) -> str:
        """Name of the module in ``sys.modules``: a function of the content alone."""
        return f"flowadam_plugin_{self.hash}"

    @property
    def kept(self) -> str:
        """Path of the copy in a study's folder, relative to it."""
        return f"plugins/{self.hash}/{self.name}"

    def __str__(self) -> str:
        return f"{self.name}@{self.hash}"

    def __reduce__(self) -> tuple[object, ...]:
        return _arrived, (self.name, self.source)


def read_plugin(path: str | Path) -> Plugin:
    """Read a plugin's file; nothing of it runs.

    Raises:
        InputError: no readable file, a name that is no text, or a copy in a study's folder that is
            no longer what it was.
    """
    path = Path(path)
    if not path.name.isprintable():
        raise InputError(f"A plugin's file name must be printable text, got {path.name!r}.")
    if path.exists() and not path.is_file():
        raise InputError(f"A plugin must be one Python file, and {path} is not a file.")
    try:
        plugin = Plugin(path.name, path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"The plugin {path} does not exist.") from None
    except OSError as error:
        raise InputError(f"The plugin {path} cannot be read: {error.strerror}.") from None
    kept = _KEPT.search(str(path))
    if kept and kept[1] != plugin.hash:
        raise InputError(
            f"The study's copy {path} was changed: its hash is {plugin.hash} and must be {kept[1]}."
        )
    return plugin


def require_distinct(names: Iterable[str]) -> None:
    """Raise InputError when two plugins have one file name: rows tell them apart by it."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"Plugins must have different file names, got '{name}' twice.")
        seen.add(name)


def absolute(path: Path) -> str:
    """Return the absolute path of a plugin; a link keeps its own name."""
    return str(path.parent.resolve() / path.name)


def in_folder(path: str) -> str:
    """Return the path of a kept copy relative to its study's folder, and any other as it is."""
    kept = _KEPT.search(path)
    return kept[0] if kept else path


def import_plugin(plugin: Plugin) -> ModuleType:
    """Run the plugin's code, once a process, and return its module.

    Raises:
        InputError: the code cannot be compiled or raises; the message names file and line.
    """
    if plugin.module in sys.modules:
        return sys.modules[plugin.module]
    spec = spec_from_loader(plugin.module, _Loader(plugin), origin=str(plugin))
    assert spec is not None and spec.loader is not None
    module = sys.modules[plugin.module] = module_from_spec(spec)
    module.__file__ = str(plugin)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[plugin.module]
        raise InputError(_refusal(plugin, error)) from error
    return module


class _Loader(InspectLoader):
    """Makes a module from bytes; tracebacks and ``inspect`` find the source through it."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def get_source(self, fullname: str) -> str:
        return decode_source(self._plugin.source)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._plugin.source, str(self._plugin), "exec", dont_inherit=True)


def _arrived(name: str, source: bytes) -> Plugin:
    plugin = Plugin(name, source)
    import_plugin(plugin)
    return plugin


def _refusal(plugin: Plugin, error: BaseException) -> str:
    line = _line(plugin, error)
    where = f" (line {line})" if line else ""
    return f"The plugin {plugin.name} cannot be imported{where}: {reason(error)}"


def reason(error: BaseException) -> str:
    """Return an exception as the rest of one sentence, on one line."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    text = " ".join(text.split()).removesuffix(".")
    kind = "" if isinstance(error, FlowAdamError) else type(error).__name__
    return ": ".join(part for part in (kind, text) if part) + "."


def _line(plugin: Plugin, error: BaseException) -> int | None:
    """Return the plugin's own line that failed, the innermost one."""
    if isinstance(error, SyntaxError) and error.filename == str(plugin):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno for f in reversed(frames) if f.filename == str(plugin)), None)
