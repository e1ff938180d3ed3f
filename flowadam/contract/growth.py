"""The check that a long run needs no more memory than a short one."""

from __future__ import annotations

import gc
import sys
from typing import NamedTuple

import psutil

from flowadam.contract.drive import tensors_in
from flowadam.contract.loop import Loop
from flowadam.contract.result import require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

EARLY, LATE = 1000, 2000
EVALUATIONS = 2
"""Evaluations per step beyond which the check makes fewer steps: L-BFGS takes twenty."""
MAX_BLOCKS = 300
"""Objects of Python; one kept at each step would be 1000."""
MAX_RESIDENT = 2 * 2**20
"""Bytes; a graph that grew by one node and its buffers at each step would be more."""


class Size(NamedTuple):
    """What a process holds: memory blocks of Python, numbers in the state, resident bytes."""

    blocks: int
    state: int
    resident: int


def keeps_memory_flat(spec: OptimizerSpec) -> None:
    """Objects, state and resident memory after 2,000 steps are those after 1,000.

    Optimizers with many evaluations per step make fewer: 4,000 evaluations are enough. Resident
    memory that grew must grow again in the next 1,000 to count.
    """
    loop = ordinary(spec, noisy=True)
    _advance(loop, EARLY)
    first, early = loop.steps, _size(loop)
    _advance(loop, LATE)
    late = _size(loop)
    steps = f"between step {first} and step {loop.steps}"
    blocks = late.blocks - early.blocks
    require(late.state == early.state, f"The state grew by {late.state - early.state} {steps}.")
    require(blocks <= MAX_BLOCKS, f"{blocks} objects were added {steps}.")
    resident = late.resident - early.resident
    if resident > MAX_RESIDENT:
        # An allocator may take a piece once, whoever asked for it; what leaks goes on.
        _advance(loop, LATE + EARLY)
        resident = min(resident, _size(loop).resident - late.resident)
    require(resident <= MAX_RESIDENT, f"Memory grew by {resident / 2**20:.1f} MiB {steps}.")


def _advance(loop: Loop, steps: int) -> None:
    while loop.steps < steps and loop.evaluations < EVALUATIONS * steps:
        loop.advance(loop.steps + 1)


def _size(loop: Loop) -> Size:
    gc.collect()
    state = sum(t.numel() for t in tensors_in(loop.optimizer.state_dict()))
    return Size(sys.getallocatedblocks(), state, psutil.Process().memory_info().rss)
