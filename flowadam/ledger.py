"""An append-only, fsynced file of JSON lines: the first place where anything is written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class Ledger:
    """One JSON object a line; a line that a killed writer left half-written is cut off on opening.

    Non-finite numbers are written as Python's ``NaN`` and ``Infinity``.

    Args:
        path: the file.
        write: open for appending; a reader leaves the file as it is.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self.path = path
        if write:
            self._cut_torn_tail()
            self._file = path.open("ab")

    def append(self, event: Event) -> None:
        """Write one event and return only when the disk has it.

        Raises:
            OSError: the disk refused; the file is cut back to its last whole line.
        """
        whole = self.path.stat().st_size
        try:
            self._file.write(json.dumps(event).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            self._reopen_at(whole)
            raise

    def events(self) -> Iterator[Event]:
        """Yield every whole event from the beginning."""
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def close(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def _reopen_at(self, size: int) -> None:
        with suppress(OSError):  # closing flushes what could not be written; the cut removes it
            self._file.close()
        os.truncate(self.path, size)
        self._file = self.path.open("ab")

    def _cut_torn_tail(self) -> None:
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self.path, whole)
