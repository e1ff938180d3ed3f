"""Parameters, gradients and loops that the tests of VRAdam, InvAdam and DualAdam share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from flowadam.optim import DualAdam, InvAdam, VRAdam

SHAPES = ((3, 4), (5,), ())
Make = Callable[..., Optimizer]

EVERY: dict[str, Make] = {
    "VRAdam": lambda params, **options: VRAdam(params, **{"beta3": 0.3, **options}),
    "VRAdam by group": lambda params, **options: VRAdam(params, scope="group", **options),
    "VRAdam of gradients": lambda params, **options: VRAdam(params, norm_of="gradient", **options),
    "InvAdam": InvAdam,
    "DualAdam": lambda params, **options: DualAdam(params, switch_rate=0.06, **options),
}
"""One entry for each path that a step can take; DualAdam mixes until step 16."""

CLASSES: dict[str, Make] = {"VRAdam": VRAdam, "InvAdam": InvAdam, "DualAdam": DualAdam}


def tensors(
    shapes: Iterable[tuple[int, ...]] = SHAPES,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> list[Tensor]:
    """Return random leaves."""
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [draw.to(dtype).requires_grad_() for draw in draws]


def set_gradients(params: Sequence[Tensor], step: int, scale: float = 1.0) -> None:
    """Give every parameter a random gradient, a function of its place and of `step` alone."""
    for i, p in enumerate(params):
        generator = torch.Generator().manual_seed(1000 * i + step + 1)
        draw = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        p.grad = (scale * draw).to(p.dtype)


def run(optimizer: Optimizer, params: Sequence[Tensor], steps: range, scale: float = 1.0) -> None:
    """Make steps with random gradients."""
    for step in steps:
        set_gradients(params, step, scale)
        optimizer.step()


def copies(params: Iterable[Tensor]) -> list[Tensor]:
    """Return detached copies."""
    return [p.detach().clone() for p in params]


def equal(ones: Iterable[Tensor], others: Iterable[Tensor]) -> bool:
    """All tensors are equal bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(ones, others, strict=True))


def tensors_in(tree: Any) -> list[Tensor]:
    """Return the tensors in nested dictionaries and lists."""
    if isinstance(tree, Tensor):
        return [tree]
    branches = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [tensor for branch in branches for tensor in tensors_in(branch)]
