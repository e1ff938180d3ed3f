"""Writing so that a crash leaves the old content or the new, and nothing in between."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Return when the disk has a file's content, or a folder's list of names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace a file's content whole: temporary name, fsync, rename. Text is written as UTF-8.

    Raises:
        OSError: the disk refused; the old content stands, and the temporary file is gone.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        sync(temporary)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    temporary.replace(path)
