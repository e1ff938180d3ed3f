"""Euclidean norms of lists of tensors, and the one place where they reach the host."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from flowadam.optim import kernels

CHUNK = 1 << 16
"""Entries subtracted at a time on a CPU: the difference of a large tensor then never leaves the
cache, and no memory of its size is asked for at each step."""

_EXACT = {torch.float32, torch.float64}


def norms(tensors: list[Tensor]) -> list[Tensor]:
    """Return the Euclidean norm of every tensor, accumulated in float32 or float64."""
    if not tensors:
        return []
    if {t.dtype for t in tensors} <= _EXACT:
        return list(kernels.norm(tensors))
    double = any(t.dtype is torch.float64 for t in tensors)
    return list(kernels.norm(tensors, dtype=torch.float64 if double else torch.float32))


def norms_and_gaps(tensors: list[Tensor], ones: list[Tensor], others: list[Tensor]) -> list[Tensor]:
    """Return |t| for every tensor, then |a - b| for every pair."""
    if not ones:
        return norms(tensors)
    if max(map(Tensor.numel, ones)) > CHUNK:
        return norms(tensors) + [_gap(a, b) for a, b in zip(ones, others, strict=True)]
    return norms([*tensors, *kernels.sub(ones, others)])


def read(scalars: Sequence[Tensor]) -> list[float]:
    """Return 0-dimensional tensors as Python floats: the one host read of its caller.

    On a CPU they are read where they lie; from a device they come in one transfer.
    """
    if all(scalar.is_cpu for scalar in scalars):  # Also where there are none.
        return [scalar.item() for scalar in scalars]
    device = scalars[0].device
    return torch.stack([scalar.to(device) for scalar in scalars]).tolist()


def _gap(a: Tensor, b: Tensor) -> Tensor:
    if a.numel() <= CHUNK or not a.is_cpu:
        return norms([a - b])[0]
    work = a.new_empty(CHUNK)
    parts: list[Tensor] = []
    for x, y in zip(a.reshape(-1).split(CHUNK), b.reshape(-1).split(CHUNK), strict=True):
        parts += norms([torch.sub(x, y, out=work[: len(x)])])
    return norms([torch.stack(parts)])[0]
