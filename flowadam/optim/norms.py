"""Euclidean norms of lists of tensors, and the one place where they reach the host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the Euclidean norm of every tensor, accumulated in float32 or wider."""
    if not tensors:
        return []
    wide = reduce(torch.promote_types, {t.dtype for t in tensors}, torch.float32)
    return list(torch._foreach_norm(list(tensors), dtype=wide))


def read(scalars: Sequence[Tensor]) -> list[float]:
    """Return 0-dimensional tensors as Python floats with one host read."""
    device = scalars[0].device
    return torch.stack([scalar.to(device) for scalar in scalars]).tolist()
