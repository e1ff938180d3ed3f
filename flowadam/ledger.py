"""An append-only, fsynced file of JSON lines: the first place where anything is written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowadam.durable import sync
from flowadam.errors import FlowAdamError

Event = dict[str, Any]

_ROWS = re.compile(rb'\{"n": (\d+), "event": "rows"')
_BLOCK = 65536


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
            path.touch()
            sync(path.parent)
            _cut_torn_tail(path)
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

    def events(self, rows_after: int = -1) -> Iterator[Event]:
        """Yield the whole events from the beginning.

        Args:
            rows_after: leave out events of kind "rows" with numbers up to this one, unread.

        Raises:
            FlowAdamError: a whole line is no JSON.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                rows = _ROWS.match(line)
                if line.endswith(b"\n") and not (rows and int(rows[1]) <= rows_after):
                    yield self._parse(number, line)

    def close(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def _parse(self, number: int, line: bytes) -> Event:
        try:
            return json.loads(line)
        except ValueError as error:
            raise FlowAdamError(f"{self.path} is damaged in line {number}: {error}.") from None

    def _reopen_at(self, size: int) -> None:
        with suppress(OSError):  # closing flushes what could not be written; the cut removes it
            self._file.close()
        os.truncate(self.path, size)
        self._file = self.path.open("ab")


def _cut_torn_tail(path: Path) -> None:
    """Cut the file behind its last newline, looking for it from the end."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        file.truncate(end)
