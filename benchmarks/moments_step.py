"""CPU time per step of VRAdam, InvAdam and DualAdam as a multiple of torch's AdamW(foreach).

``python benchmarks/moments_step.py`` takes about a minute in one thread. The rows of a table take
turns in rounds of a few steps and medians over rounds are compared, as in ``optimizer_step.py``;
gradients are for nothing. DualAdam mixes during the whole table in one row, and has become Adam in
the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from optimizer_step import SHAPES, Row, free_gradients, table
from torch.optim import AdamW, Optimizer

from flowadam.optim import DualAdam, InvAdam, VRAdam

MAKERS: dict[str, Callable[[Any], Optimizer]] = {
    "AdamW(foreach)": lambda p: AdamW(p, foreach=True),
    "AdamW(fused)": lambda p: AdamW(p, fused=True),
    "VRAdam": VRAdam,
    "VRAdam by group": lambda p: VRAdam(p, scope="group"),
    "VRAdam of the gradient": lambda p: VRAdam(p, norm_of="gradient"),
    "VRAdam without brake": lambda p: VRAdam(p, beta3=0.0),
    "InvAdam": InvAdam,
    "DualAdam, both parts": lambda p: DualAdam(p, switch_rate=1e-6),
    "DualAdam, after the switch": lambda p: DualAdam(p, switch_rate=1.0),
}


def main() -> None:
    """Print a table for each size."""
    torch.set_num_threads(1)
    for name, shapes in SHAPES.items():
        rows = []
        for label, make in MAKERS.items():
            params, closure = free_gradients(shapes)
            rows.append(Row(label, make(params), closure))
        table(f"{name} parameters", rows, 2 if name == "11 million" else 200)


if __name__ == "__main__":
    main()
