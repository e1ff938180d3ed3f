"""Where our four packages come from, and whether two processes run the same code."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from flowadam.errors import InputError

PACKAGES = ("flowadam", "search_spaces", "trainables", "analysis")
HOME = Path(__file__).resolve().parent.parent


def check_origin() -> None:
    """Refuse a folder on the import path that hides one of our packages.

    Raises:
        InputError: a package of ours would be imported from elsewhere.
    """
    for name in PACKAGES:
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found is None or HOME not in found.parents:
            raise InputError(
                f"The package `{name}` of flowadam is hidden by {found or 'another folder'}: "
                "run from another folder, or use the installed command `flowadam`."
            )


def source_hash() -> str:
    """Return a hash of every Python file of the four packages."""
    total = hashlib.sha256()
    for name in PACKAGES:
        for path in sorted((HOME / name).rglob("*.py")):
            total.update(str(path.relative_to(HOME)).encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:16]
