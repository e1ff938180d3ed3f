"""Measuring in several fresh processes.

Where tensors lie in memory differs from process to process, and moves the time of gathered rows by
a fifth. So a ratio is the median over processes, printed with the smallest and the largest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from statistics import median

ONCE = "--once"
PROCESSES = 5

Table = dict[str, list[float]]
"""Figures by line of the table."""


def gather(script: str, measure: Callable[[], Table]) -> list[Table] | None:
    """Return what `measure` finds in every process; None in such a process, which prints it."""
    if ONCE in sys.argv:
        print(json.dumps(measure()))
        return None
    command = [sys.executable, script, ONCE]
    return [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(PROCESSES)
    ]


def middle(values: list[float]) -> str:
    """Return the median, and the smallest and the largest value in brackets."""
    return f"{median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"
