"""The arguments of ``Task.make``, checked, and the tensors that follow from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from torch import Tensor

from flowadam.errors import InputError, require_known
from flowadam.seeds import derive
from flowadam.task import SPLITS, Split

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Setup:
    """The arguments of ``Task.make``, checked.

    Raises:
        InputError: no seed or one that is not a whole number, a negative or non-finite penalty, an
            unknown dtype, a missing device.
    """

    seeds: tuple[int, ...]
    penalty: float
    test_unlocked: bool
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def check(
        cls,
        seeds: Sequence[int],
        *,
        penalty: float,
        test_unlocked: bool,
        device: str,
        dtype: str,
    ) -> Setup:
        seeds = _whole(seeds)
        if not (_is_number(penalty) and math.isfinite(penalty) and penalty >= 0):
            raise InputError(f"`penalty` must be a finite number of at least 0, got {penalty!r}.")
        if not isinstance(test_unlocked, bool):
            raise InputError(f"`test_unlocked` must be True or False, got {test_unlocked!r}.")
        require_known("dtype", str(dtype), _DTYPES)
        return cls(seeds, penalty, test_unlocked, _device(device), _DTYPES[dtype])

    def splits(self) -> tuple[Split, ...]:
        """Return the splits that the problem may hold: a locked problem never receives test."""
        return SPLITS if self.test_unlocked else ("val",)

    def stacked_normal(self, name: str, *leaves: tuple[tuple[int, ...], float]) -> list[Tensor]:
        """Return one tensor [R, *shape] of N(0, scale^2) entries for each (shape, scale).

        Replica r depends on (name, seed r) alone. Everything is drawn and scaled in float64 on the
        CPU, so dtype and device do not change the start.
        """
        draws = [_normal(derive("init", name, seed), leaves) for seed in self.seeds]
        return [self.tensor(torch.stack(tensors)) for tensors in zip(*draws, strict=True)]

    def tensor(self, data: object) -> Tensor:
        """Copy `data` to the problem's dtype and device."""
        return torch.asarray(data, dtype=self.dtype, device=self.device, copy=True)

    def index(self, data: object) -> Tensor:
        """Copy whole numbers to int64, torch's index type, on the problem's device."""
        return torch.asarray(data, dtype=torch.int64, device=self.device, copy=True)


def _whole(seeds: Sequence[int]) -> tuple[int, ...]:
    """Return the seeds as Python's numbers: streams are named by type and value."""
    if isinstance(seeds, str) or not hasattr(seeds, "__len__"):
        raise InputError(f"`seeds` must be a list of whole numbers, got {seeds!r}.")
    for seed in seeds:
        if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
            raise InputError(f"A seed must be a whole number of at least 0, got {seed!r}.")
    if not len(seeds):
        raise InputError("A problem needs at least one seed, got none.")
    return tuple(map(int, seeds))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _normal(seed: int, leaves: tuple[tuple[tuple[int, ...], float], ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).mul_(scale)
        for shape, scale in leaves
    ]


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise InputError(f"`device` must be 'cpu' or 'cuda', got {name!r}.") from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"`device` must be 'cpu' or 'cuda', got {name!r}.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"`device` '{name}' needs a GPU that torch can see, got none.")
    return device
