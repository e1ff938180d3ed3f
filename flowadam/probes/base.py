"""What a probe is, what it is shown, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from flowadam.errors import FlowAdamError
from flowadam.probes.landscape import Landscape
from flowadam.stacking import Stepper


@dataclass(frozen=True)
class Reading:
    """What a probe says about one replica.

    Args:
        value: the number; nan without a message means that it is not defined here (the optimizer
            has no such quantity, or none yet).
        error: standard error of the value over the probe's own random draws, else nan.
        message: why the probe failed; the value is nan then.
    """

    value: float = math.nan
    error: float = math.nan
    message: str = ""


class NoReading(FlowAdamError):
    """A probe found no value, for a reason that can be said in one sentence."""


@dataclass(frozen=True)
class Moment:
    """A run at one mark of its curve. Nothing in it may be written to.

    Args:
        optimizer: over all R replicas, or a ``SplitOptimizer``.
        params: the stacked parameters [R, ...]; the problem's own tensors.
        landscape: the training loss around them, on the batch of the step just made, evaluations
            counted.
        replicas: which of the R replicas are at a mark; readings are returned in this order.
        before: the parameters before the step just made, None at the start.
        undone: replicas whose step just made overshot the budget, so that their parameters are
            those before it. What the optimizer keeps in its state is one step ahead there.
        seeds: the seed of the random draws by replica, a function of probe, run seed and mark.
    """

    optimizer: Stepper
    params: Sequence[Tensor]
    landscape: Landscape
    replicas: tuple[int, ...]
    before: Sequence[Tensor] | None
    undone: frozenset[int]
    seeds: Mapping[int, int]

    def generator(self, replica: int) -> torch.Generator:
        """Return a fresh generator on the CPU; draws do not depend on device or stacking."""
        return torch.Generator().manual_seed(self.seeds[replica])


class Probe(Protocol):
    """A read-only function of problem and optimizer at a mark.

    Attributes:
        summary: one line for ``flowadam probes``.
        usual_evals, most_evals: gradients and Hessian-vector products per replica and mark.
        loss_evals: losses without gradient per replica and mark.
    """

    @property
    def summary(self) -> str: ...
    @property
    def usual_evals(self) -> int: ...
    @property
    def most_evals(self) -> int: ...
    @property
    def loss_evals(self) -> int: ...

    def read(self, moment: Moment) -> list[Reading]:
        """Return one reading for each of ``moment.replicas``.

        What it raises becomes the message of all its readings at this mark.
        """
        ...


def one_by_one(moment: Moment, read: Callable[[int], Reading]) -> list[Reading]:
    """Return ``read(r)`` for each replica; what fails for one is a reading of that one alone."""
    return [attempt(read, r) for r in moment.replicas]


def attempt(read: Callable[[int], Reading], replica: int) -> Reading:
    """Return ``read(replica)``, or why it failed."""
    try:
        return read(replica)
    except Exception as error:  # a run must survive any probe
        return Reading(message=describe(error))


def describe(error: Exception) -> str:
    """Return an exception as the message of a row."""
    text = str(error) if isinstance(error, FlowAdamError) else f"{type(error).__name__}: {error}"
    return text[:500]


def finite(value: float, error: float = math.nan) -> Reading:
    """Return the reading of a number that must be finite.

    Raises:
        NoReading: it is not.
    """
    if not math.isfinite(value):
        raise NoReading(f"The value must be finite, got {value}.")
    return Reading(value, error)
