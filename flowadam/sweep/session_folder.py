"""A temporary folder that is gone when its process is, even if that was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "flowadam-"
LONGEST_ROOT = 16


@contextmanager
def session_folder() -> Iterator[Path]:
    """Yield a new folder and remove it at the end; first remove those of killed processes.

    A folder is in use as long as its process holds the lock in it.
    """
    root = _root()
    for folder in root.glob(f"{PREFIX}*-*"):
        _remove_stale(folder)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=root))
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _root() -> Path:
    """Return the system's folder for temporary files, or /tmp where that has a long name.

    Ray's sockets lie some 80 characters below it, and a socket's path may have 107.
    """
    root = Path(tempfile.gettempdir())
    return root if len(str(root)) <= LONGEST_ROOT else Path("/tmp")


def _remove_stale(folder: Path) -> None:
    """Remove the folder unless its process lives: here, or in another container that locks it."""
    pid = folder.name.removeprefix(PREFIX).split("-")[0]
    if not pid.isdigit() or Path(f"/proc/{pid}").exists():
        return
    with suppress(OSError):  # locked, or another user's
        lock = os.open(folder / "lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
