"""Optimizers that cannot act on a leading replica axis run once per replica, on views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

Closure = Callable[..., torch.Tensor]


class Stepper(Protocol):
    """What a training loop needs of an optimizer over stacked parameters."""

    def step(self, closure: Closure) -> Any: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class SplitOptimizer:
    """R optimizers, one per replica, each on leaf views of the stacked parameters.

    Args:
        params: stacked tensors [R, ...].
        build: makes an optimizer for a list of leaf tensors.
        live: Bool[R] on the CPU, read at each step: the replicas that are still stepped.
    """

    def __init__(
        self,
        params: list[torch.Tensor],
        build: Callable[[list[Any]], Any],
        live: torch.Tensor,
    ) -> None:
        self._params, self._live = params, live
        # Plain leaf views, not nn.Parameter: a deep copy of those no longer shares its storage.
        self._leaves = [[p.data[r].requires_grad_() for p in params] for r in range(len(live))]
        self.optimizers = [build(leaves) for leaves in self._leaves]

    def step(self, closure: Closure) -> torch.Tensor:
        """Step every live replica with its own closure; return the losses [R], nan elsewhere."""
        losses = self._params[0].new_full((len(self.optimizers),), torch.nan, requires_grad=False)
        for r in self._live.nonzero().flatten().tolist():
            losses[r] = self._step_one(r, closure)
        return losses

    def state_dict(self) -> dict[str, Any]:
        return {"replicas": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for optimizer, state in zip(self.optimizers, state_dict["replicas"], strict=True):
            optimizer.load_state_dict(state)

    def _step_one(self, r: int, closure: Closure) -> torch.Tensor:
        only = torch.zeros(len(self.optimizers), dtype=torch.bool)
        only[r] = True

        def one() -> torch.Tensor:
            loss = closure(only)[r]
            for leaf, p in zip(self._leaves[r], self._params, strict=True):
                leaf.grad = None if p.grad is None else p.grad[r].clone()
            return loss

        return torch.as_tensor(self.optimizers[r].step(one)).detach()
