"""Going back to where a step began."""

from __future__ import annotations

from copy import copy
from typing import Any

import torch


class Before:
    """Parameters, state and options of an optimizer as they are now.

    Tensors are copied, and lists without what is in them: no library changes that in place.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._groups = [dict(group) for group in optimizer.param_groups]
        params = [p for group in self._groups for p in group["params"]]
        self._values = [(p, p.detach().clone()) for p in params]
        self._state = {p: _copy(own) for p, own in optimizer.state.items()}

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back, once."""
        for p, value in self._values:
            p.copy_(value)
        self._optimizer.state.clear()
        self._optimizer.state.update(self._state)
        for group, saved in zip(self._optimizer.param_groups, self._groups, strict=True):
            group.clear()
            group.update(saved)


def _copy(state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.clone() if isinstance(value, torch.Tensor) else copy(value)
        for name, value in state.items()
    }
