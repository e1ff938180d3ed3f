"""Directions in which eigenvectors are sought."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_direction(like: Tensor) -> Tensor:
    """Return a unit vector shaped like `like`, always the same, with a share of every direction."""
    draw = torch.Generator().manual_seed(0)
    return unit(torch.randn(like.shape, generator=draw, dtype=torch.float64).to(like))


def unit(v: Tensor) -> Tensor:
    """Return v / |v|, and 0 for 0."""
    length = v.norm()
    return v / length if length > 0 else v
