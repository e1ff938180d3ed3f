"""Opening the folder of a study."""

from __future__ import annotations

from pathlib import Path

from flowadam.audit.run import FILE
from flowadam.errors import InputError
from flowadam.store import Store


def open_study(folder: Path) -> Store:
    """Return the store of a study's folder.

    Raises:
        InputError: it holds no study, or one of an audit, whose optimizers are contenders that
            only the audit knows.
    """
    folder = folder.resolve()
    for root in (folder, folder.parent, folder.parent.parent):
        if any(root.glob(f"*/{FILE}")):
            raise InputError(
                f"{folder} belongs to an audit: `flowadam audit CLAIMS --table --out {root}` says "
                "what it found and what is left."
            )
    return Store(folder)
