"""Checks of parameter groups in an ordinary loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from flowadam.contract.drive import require_equal
from flowadam.contract.loop import Loop, weights_of
from flowadam.contract.modules import Bowl, start
from flowadam.contract.result import require
from flowadam.contract.working import learning_rate, ordinary
from flowadam.space import Parameter, Value
from flowadam.spec import OptimizerSpec

STEPS, ADDED, END = 20, 15, 40
OTHER_UNIT = 0.3
"""Where in its range an option of a group lies."""


def splits_into_groups(spec: OptimizerSpec) -> None:
    """Two parameter groups with equal options are one group, bit for bit."""
    whole, parts = Bowl(_tensors()), Bowl(_tensors())
    one = ordinary(spec, whole)
    two = ordinary(spec, parts, params=[{"params": [p]} for p in parts.tensors])
    for loop in (one, two):
        loop.advance(END)
    rule = "Two groups with equal options must act like one"
    require_equal(weights_of(two), weights_of(one), rule)


def reads_lr_per_group(spec: OptimizerSpec) -> None:
    """A group with a millionth of the learning rate moves at most a thousandth as far."""
    learning_rate(spec)
    bowl = Bowl(_tensors())
    loop = ordinary(spec, bowl, params=[{"params": [p]} for p in bowl.tensors])
    loop.optimizer.param_groups[1]["lr"] *= 1e-6
    loop.advance(END)
    ends = zip(weights_of(loop), _tensors(), strict=True)
    fast, slow = (float((end - begin).abs().max()) for end, begin in ends)
    require(fast > 0, "The group with the full learning rate did not move.")
    require(
        slow <= 1e-3 * fast,
        f"A group with a millionth of the learning rate moved {slow:.2g} of {fast:.2g}.",
    )


def takes_options_per_group(spec: OptimizerSpec) -> None:
    """An option in a group's dictionary acts like the constructor's, bit for bit.

    Checked for every tunable option that the optimizer keeps in its groups, one at a time.
    """
    for option in (option for option in spec.space if option.name.startswith("opt.")):
        changes = {option.name: _other(spec, option)}
        whole, grouped = ordinary(spec, changes=changes), ordinary(spec)
        key = _key(option.name, grouped.optimizer.param_groups[0])
        if key is None:
            continue
        own = {"params": grouped.params, key: whole.optimizer.param_groups[0][key]}
        grouped = ordinary(spec, grouped.module, params=[own])
        for loop in (whole, grouped):
            loop.advance(STEPS)
        rule = f"`{key}` in a group's dictionary must act like the constructor's"
        require_equal(weights_of(grouped), weights_of(whole), rule)


def adds_groups_in_mid_run(spec: OptimizerSpec) -> None:
    """A group added in mid-run is trained from then on, and a restored run goes on bit for bit."""
    loop = _two_tensors(spec, together=False)
    loop.advance(ADDED)
    loop.optimizer.add_param_group(_second(spec, loop))
    restored = _two_tensors(spec, together=True)
    before = _loss(loop, 1)
    loop.advance(ADDED + 1)
    restored.load_state_dict(loop.state_dict())
    for run in (loop, restored):
        run.advance(END)
    require(
        _loss(loop, 1) < before,
        f"The loss of the added group went from {before:.3g} to {_loss(loop, 1):.3g}.",
    )
    rule = "A run restored after a group was added must go on like the first one"
    require_equal(weights_of(restored), weights_of(loop), rule)


def _two_tensors(spec: OptimizerSpec, *, together: bool) -> Loop:
    bowl = Bowl(_tensors(torch.float32))
    loop = ordinary(spec, bowl, params=[bowl.tensors[0]])
    if together:
        loop = ordinary(spec, bowl, params=[{"params": [bowl.tensors[0]]}, _second(spec, loop)])
    return loop


def _tensors(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [start(2, 3, dtype=dtype), start(5, dtype=dtype)]


def _second(spec: OptimizerSpec, loop: Loop) -> dict[str, Any]:
    return {"params": [loop.params[1]], "lr": learning_rate(spec) / 2}


def _loss(loop: Loop, index: int) -> float:
    assert isinstance(loop.module, Bowl)
    return loop.module.losses()[index]


def _other(spec: OptimizerSpec, option: Parameter) -> Value:
    """Return another value than the working one, with which a run does not diverge."""
    return learning_rate(spec) / 2 if option.name == "opt.lr" else option.from_unit(OTHER_UNIT)


def _key(name: str, group: dict[str, Any]) -> str | None:
    """Return the group's name of an option, None where groups do not hold it."""
    short = name.removeprefix("opt.")
    if short in group:
        return short
    return "betas" if short in ("beta1", "beta2") and "betas" in group else None
