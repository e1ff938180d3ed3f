"""The two small modules that ordinary training loops of the contract train."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from flowadam.seeds import derive

ROWS, FEATURES, OUTPUTS = 16, 3, 2
BATCHES = 32
START = 2.0
"""Distance of a bowl's parameters from its minimum, in standard deviations of their spread."""


def batch(k: int, *, rank: int = 0) -> Tensor:
    """Return the inputs [16, 3] of step k: each process goes through 32 batches of its own."""
    return _batch(k % BATCHES, rank)


class Regression(nn.Module):
    """``L = |x W' + b - y|^2 / 2`` averaged over the rows x of a batch, two outputs y of each.

    y is a fixed function of x, so any batch carries its targets; W and b start at fixed values.
    """

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.weight = nn.Parameter(_normal((OUTPUTS, FEATURES), "weight").to(dtype))
        self.bias = nn.Parameter(_normal((OUTPUTS,), "bias").to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.weight)
        y = torch.stack([x.sum(1), (2 * x[:, 0]).sin()], dim=1)
        errors = nn.functional.linear(x, self.weight, self.bias) - y
        return errors.square().sum(1).mean() / 2


class Bowl(nn.Module):
    """``L = sum h p^2 / 2`` over given tensors, h from 0.1 to 1 within each.

    A noisy batch adds its mean times the sum of all entries. The sum is taken in float64, so
    tensors of every type and of no entry may stand side by side.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        super().__init__()
        self.tensors = nn.ParameterList([nn.Parameter(tensor) for tensor in tensors])

    def forward(self, x: Tensor) -> Tensor:
        shift = 0.1 * x.mean()
        return torch.stack([_bowl(p, shift) for p in self.tensors if p.requires_grad]).sum()

    def losses(self) -> list[float]:
        """Return the loss of each tensor without noise."""
        zero = torch.zeros((), dtype=torch.float64)
        return [float(_bowl(p.detach(), zero)) for p in self.tensors]


def start(*shape: int, name: str = "start", dtype: torch.dtype = torch.float64) -> Tensor:
    """Return a starting point for a bowl, a function of shape and name alone."""
    return (START + _normal(shape, name)).to(dtype)


def _bowl(p: Tensor, shift: Tensor) -> Tensor:
    h = torch.linspace(0.1, 1.0, p.numel(), dtype=torch.float64, device=p.device).reshape(p.shape)
    wide = p.double()
    return (h / 2 * wide.square() + shift.to(p.device) * wide).sum()


@cache
def _batch(number: int, rank: int) -> Tensor:
    return _normal((ROWS, FEATURES), f"batch {number} of process {rank}")


def _normal(shape: tuple[int, ...], name: str) -> Tensor:
    generator = torch.Generator().manual_seed(derive("contract", name, str(shape)))
    return torch.randn(shape, generator=generator, dtype=torch.float64)
