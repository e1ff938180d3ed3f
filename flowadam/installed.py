"""Optimizers and tasks of installed packages, by their entry points."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Literal

from flowadam.errors import FlowAdamError, InputError, nearest
from flowadam.plugins import reason

Kind = Literal["optimizer", "task"]
KINDS: tuple[Kind, ...] = ("optimizer", "task")


@dataclass(frozen=True)
class Installed:
    """What a package offers under ``[project.entry-points."flowadam.optimizers"]`` or ``.tasks``.

    A pickled one compares the package's version where it arrives, and refuses another.

    Args:
        name: the name users type, the entry point's.
        package, version: the distribution that offers it.
        value: ``module:object``.
    """

    kind: Kind
    name: str
    package: str
    version: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}@{self.package}=={self.version}"

    def __reduce__(self) -> tuple[object, ...]:
        return _arrived, (self.kind, self.name, self.package, self.version, self.value)

    def load(self) -> object:
        """Import the package's module and return the object.

        Raises:
            InputError: the import fails, or the module lacks the object.
        """
        try:
            return EntryPoint(self.name, self.value, group(self.kind)).load()
        except (Exception, SystemExit) as error:
            raise InputError(f"{self.label} cannot be loaded: {reason(error)}") from error

    @property
    def label(self) -> str:
        """The subject of a sentence about it."""
        return f"The {self.kind} '{self.name}' of {self.package} {self.version}"


def group(kind: Kind) -> str:
    """Return the group of entry points."""
    return f"flowadam.{kind}s"


def installed(kind: Kind) -> list[Installed]:
    """Return what installed packages offer, by name; nothing is imported."""
    found = {
        Installed(kind, point.name, str(point.dist.name), str(point.dist.version), point.value)
        for point in entry_points(group=group(kind))
        if point.dist is not None
    }
    return sorted(found, key=lambda one: (one.name, one.package))


def find(kind: Kind, name: str, built_in: list[str]) -> Installed:
    """Return the one entry point called `name`.

    Args:
        built_in: the other names there are, for the error message.

    Raises:
        InputError: none has this name, or several packages offer it.
    """
    everything = installed(kind)
    mine = [one for one in everything if one.name == name]
    if not mine:
        known = [*built_in, *(one.name for one in everything)]
        raise InputError(f"Unknown {kind} '{name}'.{nearest(name, known)}")
    if len(mine) > 1:
        packages = " and ".join(f"{one.package} {one.version}" for one in mine)
        raise InputError(f"{packages} both offer the {kind} '{name}': uninstall one of them.")
    return mine[0]


def _arrived(kind: Kind, name: str, package: str, wanted: str, value: str) -> Installed:
    try:
        here = version(package)
    except PackageNotFoundError:
        here = "none"
    if here != wanted:
        raise FlowAdamError(
            f"The driver has {package} {wanted} and the worker has {here}: "
            "install the same version on every node."
        )
    return Installed(kind, name, package, wanted, value)
