"""What an optimizer keeps about single parameters of one replica, stacked or split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from flowadam.probes.base import NoReading
from flowadam.stacking import SplitOptimizer, Stepper


@dataclass(frozen=True)
class Seat:
    """One parameter of one replica in its optimizer.

    Args:
        optimizer: the optimizer; of a wrapper the inner one.
        number: which of its parameter groups holds the parameter.
        state: what the optimizer keeps about it, empty before the first step.
        row: the replica's index on the leading axis of kept tensors; None where they have none.
        size: coordinates of the replica's part.
    """

    optimizer: Any
    number: int
    state: dict[str, Any]
    row: int | None
    size: int

    def kept(self, name: str) -> Tensor:
        """Return the replica's part of a kept tensor as one vector in float64.

        Raises:
            NoReading: the optimizer keeps nothing of this name.
        """
        if name not in self.state:
            raise NoReading(f"The optimizer keeps no '{name}'; it keeps {sorted(self.state)}.")
        tensor = self.state[name].detach()
        return (tensor if self.row is None else tensor[self.row]).reshape(-1).double()

    @property
    def group(self) -> dict[str, Any]:
        """The options of the parameter's group."""
        return self.optimizer.param_groups[self.number]

    def option(self, name: str) -> float:
        return float(self.group[name])


def optimizer_of(stepper: Stepper, r: int) -> Any:
    """Return the optimizer that steps replica r; of a wrapper with ``optimizer``, the inner one."""
    own = stepper.optimizers[r] if isinstance(stepper, SplitOptimizer) else stepper
    return getattr(own, "optimizer", own)


def seats(stepper: Stepper, params: Sequence[Tensor], r: int) -> list[Seat]:
    """Return the seats of replica r in the order of `params`, stacked tensors [R, ...].

    Raises:
        NoReading: the optimizer does not hold one of them.
    """
    own, split = optimizer_of(stepper, r), isinstance(stepper, SplitOptimizer)
    groups = enumerate(own.param_groups)
    held = {p.data_ptr(): (p, number) for number, group in groups for p in group["params"]}
    found = []
    for p in params:
        address = (p[r] if split else p).data_ptr()
        if address not in held:
            raise NoReading(f"The optimizer holds no parameter of shape {tuple(p.shape)}.")
        leaf, number = held[address]
        # `get`: looking a key up would make an entry in the optimizer's state.
        state = own.state.get(leaf, {})
        found.append(Seat(own, number, state, None if split else r, p[r].numel()))
    return found
