"""FlowAdam's CPU time per step as a multiple of torch's Adam(foreach), in one thread.

``python benchmarks/optimizer_step.py`` takes less than a minute. All rows of a table take turns in
rounds of a few steps, and medians over rounds are compared, so that load on the machine hits all
alike. The first table has gradients for nothing; "flow" rows follow the flow at every step, with
the call that checks it or, "unchecked", by `ode_method="euler"` without; "capturable" is that by
masks, whose many small kernels are meant for a GPU. The second trains a 200 x 300 factorization of
rank 15 with 30 % of its entries observed, preset B, on one and the same closure per block.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from flowadam.optim import FlowAdam

ROUNDS = 9
QUIET: dict[str, Any] = {"switch_sensitivity": 0.0, "curvature_sensitivity": math.inf}
# The Euler step always passes its check.
FLOW: dict[str, Any] = {"switch_sensitivity": 1e9, "ode_tol": 1e6}
RESNET_BLOCKS = [
    *((64, 64), (64, 64), (128, 64), (128, 128)),
    *((256, 128), (256, 256), (512, 256), (512, 512)),
]


def resnet18() -> list[tuple[int, ...]]:
    """Return the shapes of ResNet-18 for ten classes: 62 tensors, 11.2 million entries."""
    shapes: list[tuple[int, ...]] = [(64, 3, 3, 3), (64,), (64,)]
    for out, into in RESNET_BLOCKS:
        shapes += [(out, into, 3, 3), (out,), (out,), (out, out, 3, 3), (out,), (out,)]
        shapes += [(out, into, 1, 1), (out,), (out,)] if out != into else []
    return [*shapes, (10, 512), (10,)]


SHAPES = {"2": [(1,), (1,)], "7,500": [(200, 15), (300, 15)], "11 million": resnet18()}


@dataclass
class Row:
    """One optimizer on one closure.

    Attributes:
        calls: how often the closure was called.
        times: CPU seconds per step, one entry per round.
    """

    name: str
    optimizer: Optimizer
    closure: Callable[[], Any]
    calls: int = 0

    def __post_init__(self) -> None:
        self.times: list[float] = []
        self.steps = 0

    def run(self, steps: int) -> None:
        """Make `steps` steps and note the time of each."""
        began = time.process_time()
        for _ in range(steps):
            self.optimizer.step(self._call)
        self.times.append((time.process_time() - began) / steps)
        self.steps += steps

    def _call(self) -> Any:
        self.calls += 1
        return self.closure()


def table(title: str, rows: list[Row], steps: int) -> None:
    """Run the rows in turn and print their medians; the first row is the unit."""
    for row in rows:
        row.run(max(steps, 15))
        row.times.clear()
    for _ in range(ROUNDS):
        for row in rows:
            row.run(steps)
    unit = median(rows[0].times)
    print(f"\n{title}\n{'':34}us/step   ratio   gradients/step")
    for row in rows:
        t = median(row.times)
        print(f"  {row.name:30}{t * 1e6:9.0f}{t / unit:8.2f}{row.calls / row.steps:17.2f}")


def free_gradients(shapes: list[tuple[int, ...]]) -> tuple[list[Tensor], Callable[[], Tensor]]:
    """Return parameters and a closure that alternates between two gradients.

    Their coordinates are of the size that training has, 1e-4, so that FlowAdam's clip is idle.
    """
    torch.manual_seed(0)
    params = [torch.randn(shape).requires_grad_() for shape in shapes]
    sets = [[1e-4 * torch.randn(shape) for shape in shapes] for _ in range(2)]
    loss, turn = torch.ones(()), 0

    def closure() -> Tensor:
        nonlocal turn
        turn = 1 - turn
        for p, gradient in zip(params, sets[turn], strict=True):
            p.grad = gradient
        return loss

    return params, closure


def factorization(closed_form: bool) -> tuple[list[Tensor], Callable[[], Tensor]]:
    """Return factors U^T, V^T and a dense masked closure of their mean squared error."""
    torch.manual_seed(0)
    data = torch.randn(200, 10) @ torch.randn(10, 300) / 10
    mask = (torch.rand(200, 300) < 0.3).float()
    weights = mask / mask.sum()
    params = [(0.1 * torch.randn(15, n)).requires_grad_() for n in (200, 300)]

    def autograd() -> Tensor:
        for p in params:
            p.grad = None
        loss = (weights * (params[0].T @ params[1] - data) ** 2).sum()
        loss.backward()
        return loss.detach()

    @torch.no_grad()
    def by_hand() -> Tensor:
        U, V = params
        residual = U.T @ V - data
        pull = residual * weights
        loss = (residual * pull).sum()
        U.grad, V.grad = 2 * V @ pull.T, 2 * U @ pull
        return loss

    return params, by_hand if closed_form else autograd


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    for name, shapes in SHAPES.items():
        makers = {
            "Adam(foreach)": lambda p: Adam(p, foreach=True),
            "Adam(fused)": lambda p: Adam(p, fused=True),
            "FlowAdam quiet": lambda p: FlowAdam(p, **QUIET),
            "FlowAdam flow": lambda p: FlowAdam(p, **FLOW),
            "FlowAdam flow, unchecked": lambda p: FlowAdam(p, ode_method="euler", **FLOW),
            "FlowAdam flow, capturable": lambda p: FlowAdam(
                p, ode_method="euler", capturable=True, **FLOW
            ),
            "FlowAdam flow, deterministic": lambda p: FlowAdam(p, deterministic=True, **FLOW),
        }
        rows = [_row(n, make, free_gradients(shapes)) for n, make in makers.items()]
        table(f"Optimizer alone, {name} parameters", rows, 2 if name == "11 million" else 200)
    for closed_form in (False, True):
        makers = {
            "Adam(foreach)": lambda p: Adam(p, lr=0.01, foreach=True),
            "FlowAdam": lambda p: FlowAdam(p, lr=0.01),
            "FlowAdam unchecked": lambda p: FlowAdam(p, lr=0.01, ode_method="euler"),
            "FlowAdam deterministic": lambda p: FlowAdam(p, lr=0.01, deterministic=True),
        }
        rows = [_row(n, make, factorization(closed_form)) for n, make in makers.items()]
        kind = "by hand" if closed_form else "by autograd"
        table(f"Training, dense gradient {kind}", rows, 100)


def _row(
    name: str,
    make: Callable[[Any], Optimizer],
    problem: tuple[list[Tensor], Callable[[], Tensor]],
) -> Row:
    params, closure = problem
    return Row(name, make(params), closure)


if __name__ == "__main__":
    main()
