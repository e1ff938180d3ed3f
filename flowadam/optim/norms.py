"""Euclidean norms of lists of tensors, and the one place where they reach the host."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.optim import kernels


def norms(tensors: list[Tensor]) -> list[Tensor]:
    """Return the Euclidean norm of every tensor, accumulated in float32 or float64."""
    if not tensors:
        return []
    double = any(t.dtype is torch.float64 for t in tensors)
    return list(kernels.norm(tensors, dtype=torch.float64 if double else torch.float32))


def differences(ones: list[Tensor], others: list[Tensor]) -> list[Tensor]:
    """Return a - b for every pair."""
    return list(kernels.sub(ones, others)) if ones else []


def read(scalars: Sequence[Tensor]) -> list[float]:
    """Return 0-dimensional tensors as Python floats with one host read."""
    device = scalars[0].device
    if any(scalar.device != device for scalar in scalars):
        scalars = [scalar.to(device) for scalar in scalars]
    return torch.stack(list(scalars)).tolist()
