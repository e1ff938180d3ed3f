"""Peak memory of a piece of work."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def reset_peak(device: str) -> None:
    """Start a new measurement; where the system forbids it, peaks cover the whole process."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        _RESET.write_text("5")
    except OSError:
        return


def peak_mb(device: str) -> float:
    """Return the peak since `reset_peak`: CUDA allocations, or resident memory of the process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    except OSError:
        match = None
    kib = int(match[1]) if match else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib / 1024
