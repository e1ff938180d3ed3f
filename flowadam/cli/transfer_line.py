"""One live line of a download: host, bytes, share, rate, time left."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from flowadam.datasets.base import size_text

PLAIN_SECONDS = 10.0


class TransferLine:
    """On a terminal the line rewrites itself; in a log it is repeated every ten seconds.

    Args:
        name: of the data set.
        console: standard error by default.
    """

    def __init__(self, name: str, console: Console | None = None) -> None:
        self._name = name
        self._console = console or Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._host, self._done, self._total, self._at_start = "", 0, None, 0
        self._began = self._printed = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.get_renderable = self.text
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def update(self, host: str, done: int, total: int | None) -> None:
        """Take note of the bytes that are there; a new host or file begins a new rate."""
        now = time.monotonic()
        if host != self._host or done < self._done:
            self._host, self._began, self._at_start = host, now, done
        self._done, self._total = done, total
        if not self._console.is_terminal and now - self._printed > PLAIN_SECONDS:
            self._printed = now
            self._console.print(self.text(), soft_wrap=True)

    def text(self) -> Text:
        """Return the line, the most needed first: narrow terminals cut its end."""
        seconds = time.monotonic() - self._began
        rate = (self._done - self._at_start) / seconds if seconds > 0 else 0.0
        parts = [self._name, size_text(self._done)]
        if self._total:
            parts[1] = f"{parts[1]} of {size_text(self._total)}"
            parts.append(f"{self._done / self._total:.0%}")
        if rate and self._total:
            parts.append(f"{(self._total - self._done) / rate:.0f} s left")
        if rate:
            parts.append(f"{size_text(int(rate))}/s")
        return Text("  ".join([*parts, self._host]), no_wrap=True, overflow="ellipsis")
