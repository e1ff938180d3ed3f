"""When to stop dealing: a deadline, or the user."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Groups in flight end, no new ones begin, once a deadline passes or the user interrupts.

    Args:
        seconds: time from now until the deadline, or None.

    Attributes:
        reserve: seconds before the deadline at which to stop already.
        confirm_share: seconds of a confirm run, one replica of a whole block, over those of a
            search run; the search's reserve is judged by it.
        interrupted: the user pressed Ctrl-C, or `request` was called.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self.reserve = 0.0
        self.confirm_share = 1.0
        self.interrupted = False

    def __bool__(self) -> bool:
        return self.interrupted or self.late

    @property
    def late(self) -> bool:
        """The deadline, less the reserve, has passed."""
        return self._deadline is not None and time.monotonic() > self._deadline - self.reserve

    def request(self) -> None:
        self.interrupted = True

    @contextmanager
    def on_interrupt(self) -> Iterator[None]:
        """Let the first Ctrl-C (or SIGTERM) set this flag, and the second one raise."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self.interrupted:
                raise KeyboardInterrupt
            self.request()

        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, handle) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
