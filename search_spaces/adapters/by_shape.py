"""One optimizer for matrices and another for everything else, behaving as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from search_spaces.adapters.copying import CopiesWhole

Build = Callable[[list[Tensor]], torch.optim.Optimizer]


class ByShape(CopiesWhole):
    """Steps 2-D tensors by one optimizer and all others by another.

    Groups and state belong to this optimizer, so schedulers, ``add_param_group``, ``state_dict``
    and copies are torch's own. The two parts hold none: at each step they are lent the state, and
    of every group the tensors that are theirs. A part's option has the value the group gives it,
    else the one the part was built with.

    Args:
        params: tensors or groups, as for any optimizer.
        defaults: the options of a group.
        matrices: builds the optimizer of 2-D tensors; it is called once, with a placeholder.
        others: builds the optimizer of all other tensors, likewise.
    """

    kept = ("_matrices", "_others")

    def __init__(
        self, params: Any, defaults: dict[str, Any], *, matrices: Build, others: Build
    ) -> None:
        super().__init__(params, defaults)
        self._matrices = matrices([torch.zeros(1, 1)])
        self._others = others([torch.zeros(1)])

    @torch.no_grad()
    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        """Make one step; return what `closure` returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._lend(self._matrices, lambda p: p.ndim == 2)
        self._lend(self._others, lambda p: p.ndim != 2)
        return loss

    def _lend(self, part: torch.optim.Optimizer, theirs: Callable[[Tensor], bool]) -> None:
        part.state = self.state
        part.param_groups = [
            {
                **part.defaults,
                **{name: value for name, value in group.items() if name in part.defaults},
                "params": [p for p in group["params"] if theirs(p)],
            }
            for group in self.param_groups
        ]
        part.step()
