"""Probes of the optimizer's own steps; they evaluate nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flowadam.probes.base import Moment, Reading, finite, one_by_one
from flowadam.probes.seats import optimizer_of, seats


@dataclass(frozen=True)
class Free:
    """What probes have in common that evaluate neither gradients nor losses."""

    usual_evals = 0
    most_evals = 0
    loss_evals = 0


@dataclass(frozen=True)
class UpdateNorm(Free):
    """``|theta_k - theta_(k-1)|``, the Euclidean norm of the last step over all parameters.

    Absolute, in the units of the parameters; weight decay and flow are part of the step. The value
    is nan at the start, and where the last step was undone because it overshot the budget.
    """

    summary = "Euclidean norm of the last step"

    def read(self, moment: Moment) -> list[Reading]:
        return one_by_one(moment, lambda r: self._read(moment, r))

    def _read(self, moment: Moment, r: int) -> Reading:
        if moment.before is None or r in moment.undone:
            return Reading()
        pairs = zip(moment.params, moment.before, strict=True)
        moves = [(p.detach()[r].double() - old[r].double()).norm() for p, old in pairs]
        return finite(float(torch.stack(moves).norm()))


@dataclass(frozen=True)
class EffectiveRate(Free):
    """The rate by which the optimizer scaled its last step.

    VRAdam's braked rate (before its first step the value is nan); for every other optimizer the
    ``lr`` of its parameter groups, their mean over coordinates where groups differ.
    """

    summary = "rate of the last step: VRAdam's braked rate, else lr"

    def read(self, moment: Moment) -> list[Reading]:
        return one_by_one(moment, lambda r: self._read(moment, r))

    def _read(self, moment: Moment, r: int) -> Reading:
        own = optimizer_of(moment.optimizer, r)
        if hasattr(own, "effective_rate"):
            rates = own.effective_rate()
            return _mean(rates[:, r] if rates.ndim == 2 else rates, moment, r)
        return _mean([float(group["lr"]) for group in own.param_groups], moment, r)


@dataclass(frozen=True)
class MixingWeight(Free):
    """DualAdam's weight alpha of the inverse part of its last step, in [0, 1]; nan for others.

    The mean over coordinates where parameter groups differ; nan before the first step.
    """

    summary = "DualAdam's weight of the inverse part; nan for others"

    def read(self, moment: Moment) -> list[Reading]:
        return one_by_one(moment, lambda r: self._read(moment, r))

    def _read(self, moment: Moment, r: int) -> Reading:
        own = optimizer_of(moment.optimizer, r)
        if not hasattr(own, "mixing_weight"):
            return Reading()
        return _mean(own.mixing_weight(), moment, r)


@dataclass(frozen=True)
class Triggers(Free):
    """Flow steps since the start of the run, from ``flow_stats()``; nan for optimizers without.

    The count since the last mark is the difference of two values, also where a mark was skipped.
    """

    summary = "FlowAdam's flow steps so far; nan for others"

    def read(self, moment: Moment) -> list[Reading]:
        return one_by_one(moment, lambda r: self._read(moment, r))

    def _read(self, moment: Moment, r: int) -> Reading:
        own = optimizer_of(moment.optimizer, r)
        if not hasattr(own, "flow_stats"):
            return Reading()
        count = own.flow_stats()["flow_steps"]
        return Reading(float(count[r] if isinstance(count, Tensor) else count))


def _mean(by_group: Sequence[float] | Tensor, moment: Moment, r: int) -> Reading:
    """Read the mean over coordinates of a number of each parameter group; nan stays nan."""
    held = seats(moment.optimizer, moment.params, r)
    values = [float(by_group[seat.number]) for seat in held]
    if len(set(values)) == 1:
        return Reading(values[0])
    total = sum(value * seat.size for value, seat in zip(values, held, strict=True))
    return Reading(total / sum(seat.size for seat in held))
