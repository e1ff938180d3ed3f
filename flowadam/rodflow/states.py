"""The states of methods and flows: small frozen records of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

# One call for all tensors: the states are many and small.
from torch import _foreach_add as _add  # pyright: ignore[reportPrivateImportUsage]


@dataclass(frozen=True)
class Tensors:
    """A record of tensors that is moved as one vector."""

    def parts(self) -> list[Tensor]:
        """Return the tensors in the order of the fields."""
        return [getattr(self, field.name) for field in fields(self)]

    def plus(self, weights: Sequence[float], others: Sequence[Tensors]) -> Self:
        """Return Y + sum_i a_i K_i; a weight of 0 costs nothing."""
        parts = self.parts()
        for weight, other in zip(weights, others, strict=True):
            if weight:
                parts = list(_add(parts, other.parts(), alpha=weight))
        return type(self)(*parts)

    def moved(self, weights: Sequence[float], slopes: Sequence[Tensors]) -> Self:
        """Return the state Y + sum_i a_i K_i, kept where a state can be."""
        return self.plus(weights, slopes)

    def is_finite(self) -> bool:
        """Whether every entry is a finite number."""
        return all(bool(torch.isfinite(part).all()) for part in self.parts())


@dataclass(frozen=True)
class State(Tensors):
    """Where an optimizer, or the stable flow, stands.

    Args:
        w: parameters [d].
        m: momentum [d], or [0] without.
        nu: second moment [d], [1] if scalar, or [0] without.
    """

    w: Tensor
    m: Tensor
    nu: Tensor


@dataclass(frozen=True)
class Rod(Tensors):
    """The alternating rod: z_t = c_t + (-1)^t x_t.

    Args:
        w, m, nu: the center c and the second moment, as in ``State``.
        x_w, x_m: half the rod from end to end; its sign has no meaning.
    """

    w: Tensor
    m: Tensor
    nu: Tensor
    x_w: Tensor
    x_m: Tensor

    def moved(self, weights: Sequence[float], slopes: Sequence[Tensors]) -> Self:
        """Return Y + sum_i a_i K_i; at least half of nu stays, as in half a step at beta2 >= 1/4.

        Where squares become hundreds of times larger than nu within a step, as in a burst, a stage
        that reaches over would have a negative nu, and the next one a rate of lr / eps.
        """
        found = self.plus(weights, slopes)
        return replace(found, nu=torch.maximum(found.nu, self.nu / 2))


@dataclass(frozen=True)
class Rods(Tensors):
    """The matrix rod: Sigma = sum_i delta_i delta_i^T on (w, m).

    Args:
        w, m, nu: the center and the second moment, as in ``State``.
        rods_w, rods_m: the half-differences delta_i as rows [r, d]; ([r, 0] without momentum).
    """

    w: Tensor
    m: Tensor
    nu: Tensor
    rods_w: Tensor
    rods_m: Tensor

    @property
    def center(self) -> State:
        return State(self.w, self.m, self.nu)
