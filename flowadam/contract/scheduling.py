"""Checks of learning rate schedulers, which write into the groups between steps."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR

from flowadam.contract.drive import optimizers, require_equal, train, weights
from flowadam.contract.loop import Loop, weights_of
from flowadam.contract.modules import Regression
from flowadam.contract.quadratic import QuadraticTask
from flowadam.contract.result import require
from flowadam.contract.working import NO_CHANGES, learning_rate, ordinary
from flowadam.space import Value, Values
from flowadam.spec import OptimizerSpec

STEPS, HALF = 40, 20
Make = Callable[[Any], LRScheduler]


def follows_a_scheduler(spec: OptimizerSpec) -> None:
    """The learning rate is read at each step: half of it, doubled by a scheduler, is the same."""
    half = {"opt.lr": learning_rate(spec) / 2}
    plain = train(spec, QuadraticTask(), 0)
    scheduled = train(spec, QuadraticTask(), 0, changes=half)
    schedulers = [LambdaLR(optimizer, lambda _: 2.0) for optimizer in optimizers(scheduled)]
    for evaluations in range(1, STEPS + 1):
        plain.advance(evaluations)
        scheduled.advance(evaluations)
        for scheduler in schedulers:
            scheduler.step()
    rule = "Half the learning rate, doubled by a scheduler, must act like the whole"
    require_equal(weights(scheduled), weights(plain), rule)


def follows_one_cycle(spec: OptimizerSpec) -> None:
    """Under OneCycleLR rate and momentum are the schedule's; the constructor's do not matter.

    The momentum is cycled where the optimizer's defaults hold `betas` or `momentum`, as torch asks.
    """
    peak = learning_rate(spec)

    def make(optimizer: Any) -> LRScheduler:
        cycles = bool({"betas", "momentum"} & set(optimizer.defaults))
        return OneCycleLR(optimizer, peak, total_steps=STEPS, cycle_momentum=cycles)

    plain, other = ordinary(spec), ordinary(spec, changes=_other_start(spec))
    for loop in (plain, other):
        _follow(loop, make(loop.optimizer), STEPS - 1)
    rule = "Under OneCycleLR the constructor's rate and momentum must not matter"
    require_equal(weights_of(other), weights_of(plain), rule)
    _check_restored(spec, make)


def follows_cosine_annealing(spec: OptimizerSpec) -> None:
    """A run under CosineAnnealingLR differs from one without, and goes on when restored."""
    learning_rate(spec)

    def make(optimizer: Any) -> LRScheduler:
        return CosineAnnealingLR(optimizer, STEPS)

    plain, annealed = ordinary(spec, noisy=True), ordinary(spec, noisy=True)
    plain.advance(HALF)
    _follow(annealed, make(annealed.optimizer), HALF)
    pairs = zip(plain.params, annealed.params, strict=True)
    require(any(bool((a != b).any()) for a, b in pairs), "CosineAnnealingLR changed nothing.")
    _check_restored(spec, make)


def _follow(loop: Loop, scheduler: LRScheduler, until: int) -> None:
    while loop.steps < until:
        loop.advance(loop.steps + 1)
        scheduler.step()
        rates = [group["lr"] for group in loop.optimizer.param_groups]
        require(
            rates == scheduler.get_last_lr(),
            f"A scheduler set the rates {scheduler.get_last_lr()}, the groups say {rates}.",
        )


def _check_restored(spec: OptimizerSpec, make: Make) -> None:
    """A run and its schedule, restored from their state dictionaries, go on bit for bit."""
    loop, restored = (ordinary(spec, Regression(torch.float32), noisy=True) for _ in range(2))
    scheduler, other = make(loop.optimizer), make(restored.optimizer)
    _follow(loop, scheduler, HALF)
    restored.load_state_dict(loop.state_dict())
    other.load_state_dict(deepcopy(scheduler.state_dict()))
    _follow(loop, scheduler, STEPS - 1)
    _follow(restored, other, STEPS - 1)
    rule = "A restored run under a scheduler must go on like the first one"
    require_equal(weights_of(restored), weights_of(loop), rule)


def _other_start(spec: OptimizerSpec) -> Values:
    """Return another learning rate and first momentum for the constructor."""
    found: dict[str, Value] = {"opt.lr": learning_rate(spec) / 2}
    for option in spec.space:
        if option.name in ("opt.beta1", "opt.momentum"):
            found[option.name] = option.from_unit(0.3)
    return found or NO_CHANGES
