"""Checks of a saved state before it is loaded."""

from __future__ import annotations

from itertools import chain
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

LIKE_PARAMETER = ("exp_avg", "exp_avg_sq", "grad_prev")


def check_shapes(optimizer: Optimizer, state_dict: dict[str, Any]) -> None:
    """Raise ValueError when a saved tensor is not shaped like the parameter that it would serve.

    Parameters are matched by their order, as torch does; kernels read beyond shorter tensors.
    """
    numbers = chain.from_iterable(group["params"] for group in state_dict["param_groups"])
    params = chain.from_iterable(group["params"] for group in optimizer.param_groups)
    # Of unequal numbers torch itself speaks.
    for position, (number, param) in enumerate(zip(numbers, params, strict=False)):
        own = state_dict["state"].get(number, {})
        for name in LIKE_PARAMETER:
            saved = own.get(name)
            if isinstance(saved, Tensor) and saved.shape != param.shape:
                raise ValueError(
                    f"`{name}` of parameter {position} must be of its shape {[*param.shape]}, "
                    f"got {[*saved.shape]}: the state is one of another model."
                )
