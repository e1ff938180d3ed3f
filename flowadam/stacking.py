"""Optimizers that cannot act on a leading replica axis run once per replica, on views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

Closure = Callable[..., torch.Tensor]


class Stepper(Protocol):
    """What a training loop needs of an optimizer over stacked parameters."""

    def step(self, closure: Closure) -> Any: ...


class SplitOptimizer:
    """R optimizers, one per replica, each on leaf views of the stacked parameters.

    Args:
        params: stacked tensors [R, ...].
        build: makes an optimizer for a list of leaf tensors.
    """

    def __init__(self, params: list[torch.Tensor], build: Callable[[list[Any]], Any]) -> None:
        self._params = params
        replicas = params[0].shape[0]
        self._leaves = [[torch.nn.Parameter(p.data[r]) for p in params] for r in range(replicas)]
        self.optimizers = [build(leaves) for leaves in self._leaves]

    def step(self, closure: Closure) -> torch.Tensor:
        """Step every replica with its own closure; return the losses [R]."""
        losses = [self._step_one(r, closure) for r in range(len(self.optimizers))]
        return torch.stack(losses)

    def _step_one(self, r: int, closure: Closure) -> torch.Tensor:
        only = torch.zeros(len(self.optimizers), dtype=torch.bool)
        only[r] = True

        def one() -> torch.Tensor:
            loss = closure(only)[r]
            for leaf, p in zip(self._leaves[r], self._params, strict=True):
                leaf.grad = None if p.grad is None else p.grad[r].clone()
            return loss

        return torch.as_tensor(self.optimizers[r].step(one)).detach()
