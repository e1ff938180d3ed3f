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
    dtypes = {t.dtype for t in tensors}
    if dtypes <= _EXACT:
        return list(kernels.norm(tensors))
    double = torch.float64 in dtypes
    return list(kernels.norm(tensors, dtype=torch.float64 if double else torch.float32))


def norms_and_gaps(tensors: list[Tensor], ones: list[Tensor], others: list[Tensor]) -> list[Tensor]:
    """Return |t| for every tensor, then |a - b| for every pair."""
    if ones and not _any_large(ones):
        return norms(tensors + list(kernels.sub(ones, others)))
    return norms(tensors) + gap_norms(ones, others)


def gap_norms(ones: list[Tensor], others: list[Tensor]) -> list[Tensor]:
    """Return |a - b| for every pair."""
    if not _any_large(ones):
        return norms(list(kernels.sub(ones, others))) if ones else []
    return [
        _large_gap(a, b) if a.numel() > CHUNK else norms([a - b])[0]
        for a, b in zip(ones, others, strict=True)
    ]


def read(scalars: Sequence[Tensor]) -> list[float]:
    """Return 0-dimensional tensors as Python floats with one host read."""
    if len({scalar.device for scalar in scalars}) > 1:
        scalars = [scalar.to(scalars[0].device) for scalar in scalars]
    return torch.stack(list(scalars)).tolist()


def _any_large(tensors: list[Tensor]) -> bool:
    return any(t.numel() > CHUNK and t.device.type == "cpu" for t in tensors)


def _large_gap(a: Tensor, b: Tensor) -> Tensor:
    work = a.new_empty(CHUNK)
    parts: list[Tensor] = []
    for x, y in zip(a.reshape(-1).split(CHUNK), b.reshape(-1).split(CHUNK), strict=True):
        parts += norms([torch.sub(x, y, out=work[: len(x)])])
    return norms([torch.stack(parts)])[0]
