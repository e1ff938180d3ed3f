"""What a loss and a start must be, before the first step is made."""

from __future__ import annotations

import torch
from torch import Tensor

from flowadam.rodflow.gradients import Loss
from flowadam.rodflow.method import Method
from flowadam.rodflow.states import State

DTYPES = (torch.float32, torch.float64)


def check_start(start: Tensor | State, method: Method) -> None:
    """Raise ValueError unless the start is a vector, or a state of the method.

    A state has w [d] in float32 or float64, m [d] or [0], nu [d], [1] or [0], of one dtype, and
    no entry of nu is negative.
    """
    w = start if isinstance(start, Tensor) else start.w
    if w.dim() != 1 or w.dtype not in DTYPES or not len(w):
        raise ValueError(
            f"`start` must be a vector [d] of float32 or float64, got {w.dtype} {[*w.shape]}."
        )
    if isinstance(start, Tensor):
        return
    d, moment = len(w), method.optimizer.moment
    sizes = {"m": d if method.has_momentum else 0}
    sizes["nu"] = {"none": 0, "scalar": 1, "vector": d}[moment]
    for name, size in sizes.items():
        part: Tensor = getattr(start, name)
        if part.shape != (size,) or part.dtype != w.dtype:
            raise ValueError(
                f"`{name}` of {method.optimizer.name} must have shape [{size}] and the dtype of w, "
                f"{w.dtype}, got {[*part.shape]} of {part.dtype}."
            )
    if bool((start.nu < 0).any()):
        raise ValueError(f"`nu` must not be negative, got {float(start.nu.min())}.")


def check_loss(loss: Loss, w: Tensor) -> None:
    """Raise ValueError unless the loss of `w`, a leaf, is a scalar that autograd can follow."""
    with torch.enable_grad():
        value = loss(w)
    if isinstance(value, Tensor) and not value.dim() and value.requires_grad:
        return
    said = f"one of shape {[*value.shape]}" if isinstance(value, Tensor) else type(value).__name__
    if isinstance(value, Tensor) and not value.requires_grad:
        said += ", detached from w"
    raise ValueError(
        f"`loss` must return a tensor without dimensions that depends on w by autograd, got {said}."
    )


def check_transformed(loss: Loss, w: Tensor) -> None:
    """Raise ValueError unless ``torch.func`` can evaluate the loss at several points at once."""
    try:
        torch.func.vmap(loss)(w.unsqueeze(0))
    except RuntimeError as error:
        reason = str(error).split(". ")[0].split("\n")[0]
        raise ValueError(
            "`loss` must be a function that torch.func.vmap takes, without .item(), random numbers "
            f"or branches on values, since the matrix rod is followed so ({reason}). Without "
            "MatrixRod in `flows` it need not be."
        ) from error
