"""Which tensors an optimizer whose norms span parameters can take."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from torch import Tensor


def check_whole(name: str, params: Sequence[Tensor]) -> None:
    """Raise ValueError for a parameter of which this process holds a part only."""
    for p in params:
        if is_sharded(p):
            raise ValueError(
                f"{name} needs whole parameters, as its norm spans them, got a sharded one of "
                f"shape {tuple(p.shape)}."
            )


def check_stack(params: Sequence[Tensor], first: Tensor) -> None:
    """Raise ValueError unless all share the leading axis of `first`, of at least one replica."""
    for p in params:
        if p.dim() == 0 or p.shape[0] == 0 or p.shape[0] != first.shape[0]:
            raise ValueError(
                "Stacked parameters must share a leading axis of at least one replica, "
                f"got shapes {tuple(first.shape)} and {tuple(p.shape)}."
            )


def is_sharded(param: Tensor) -> bool:
    """Say whether `param` is a DTensor, or was flattened by FullyShardedDataParallel.

    A replicated DTensor counts too, since its sums would be DTensors.
    """
    # Importing torch.distributed.tensor takes long, and whoever has a DTensor has imported it.
    module = sys.modules.get("torch.distributed.tensor")
    if module is not None and isinstance(param, module.DTensor):
        return True
    return getattr(param, "_fsdp_flattened", False)
