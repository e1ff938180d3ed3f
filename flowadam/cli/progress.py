"""One live line: done/total, rate, time left, best per optimizer."""

from __future__ import annotations

import math
import time
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from flowadam.rows import Row

PLAIN_SECONDS = 10.0


class ProgressLine:
    """An observer of a sweep. On a terminal the line rewrites itself; in a log it is repeated.

    The best value per optimizer is the lowest validation metric of the task that reported last.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._name, self._total, self._done, self._at_start = "", 0, 0, 0
        self._began = self._printed = time.monotonic()
        self._best: dict[str, dict[str, float]] = {}
        self._task = ""
        self._bad = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.get_renderable = self._line
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def phase(self, name: str, total: int, done: int) -> None:
        self._name, self._total, self._done, self._at_start = name, total, done, done
        self._began, self._best, self._bad = time.monotonic(), {}, 0
        self._console.print(f"{name}: {total} runs, {done} already in the store")

    def rows(self, rows: list[Row]) -> None:
        self._done += len(rows)
        for row in rows:
            self._task = row["task"]
            value = row["val_best"]
            self._bad += row["status"] != "ok"
            if (
                row["phase"] != "inclusion"
                and row["status"] == "ok"
                and value is not None
                and math.isfinite(value)
            ):
                best = self._best.setdefault(self._task, {})
                best[row["optimizer"]] = min(value, best.get(row["optimizer"], math.inf))
        now = time.monotonic()
        finished = self._done == self._total
        if not self._console.is_terminal and (finished or now - self._printed > PLAIN_SECONDS):
            self._printed = now
            self._console.print(self._line(), soft_wrap=True)

    def _line(self) -> Text:
        seconds = time.monotonic() - self._began
        ran = self._done - self._at_start
        rate = ran / seconds if seconds > 0 else 0.0
        left = f"{_short((self._total - self._done) / rate)} left" if rate else "starting"
        parts = [f"{self._name} {self._done}/{self._total}", f"{rate:.1f}/s", left]
        if self._done == self._total:
            parts = [f"{self._name} {self._done}/{self._total}", "done"]
        if self._bad:
            parts.append(f"{self._bad} not ok")
        best = sorted(self._best.get(self._task, {}).items(), key=lambda pair: pair[1])
        if best:
            parts.append(" ".join(f"{name} {v:.4g}" for name, v in best) + f" ({self._task})")
        return Text("  ".join(parts), no_wrap=True, overflow="ellipsis")


def _short(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
