"""Checks of what an optimizer does with the user's closure."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from flowadam.contract.drive import require_equal
from flowadam.contract.loop import Loop, weights_of
from flowadam.contract.result import ContractBroken, require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec

STEPS = 20
RAISES_IN = (0, 1, 14, 15)
"""Steps in which the closure raises: with and without state, early and late."""
FEW = 4


class OnPurpose(RuntimeError):
    """What a closure raises in these checks."""


def evaluates_with_gradients_on(spec: OptimizerSpec) -> None:
    """Every evaluation runs under ``enable_grad``, also when ``step`` is called under no_grad."""
    loop = ordinary(spec)

    def closure() -> Tensor:
        require(torch.is_grad_enabled(), "The closure was called with gradients switched off.")
        return loop.closure()

    with torch.no_grad():
        loop.advance(STEPS, closure)


def closure_errors_change_nothing(spec: OptimizerSpec) -> None:
    """A closure that raises, at any evaluation of a step, leaves parameters and state alone.

    Of steps with more than four evaluations two early ones, a middle and the last are tried.

    Entries that the state had are the same bit for bit, and the run goes on as if nothing had been.
    New entries are allowed: torch's optimizers create theirs when they first need them.
    """
    for noisy in (False, True):
        loop, undisturbed = ordinary(spec, noisy=noisy), ordinary(spec, noisy=noisy)
        for step in RAISES_IN:
            loop.advance(step)
            undisturbed.advance(step + 1)
            last = undisturbed.evaluations - loop.evaluations
            for number in range(1, last + 1) if last <= FEW else (1, 2, last // 2, last):
                _raise_and_compare(loop, number)
            loop.advance(step + 1)
            rule = f"Closures that raised in step {step + 1} must not change what it does later"
            require_equal(weights_of(loop), weights_of(undisturbed), rule)


def _raise_and_compare(loop: Loop, number: int) -> None:
    params, state = weights_of(loop), leaves(loop.state_dict()["optimizer"])
    where = f"A closure that raised at evaluation {number} of step {loop.steps + 1} changed"
    _raise_at(loop, number)
    require_equal(weights_of(loop), params, f"{where} parameters")
    now = leaves(loop.optimizer.state_dict())
    changed = [path for path, leaf in state.items() if not same(leaf, now.get(path))]
    require(not changed, f"{where} the state at {', '.join(changed)}.")


def _raise_at(loop: Loop, number: int) -> None:
    calls = loop.evaluations

    def closure() -> Tensor:
        loss = loop.closure()
        if loop.evaluations == calls + number:
            raise OnPurpose("the loss broke on purpose")
        return loss

    try:
        loop.advance(loop.steps + 1, closure)
    except OnPurpose:
        loop.evaluations = calls
        return
    raise ContractBroken(f"An exception of the closure at evaluation {number} was swallowed.")


def leaves(tree: Any, path: str = "state") -> dict[str, Any]:
    """Return the leaves of nested dictionaries, lists and tuples by their path."""
    if isinstance(tree, dict):
        items = list(tree.items())
    elif isinstance(tree, list | tuple):
        items = list(enumerate(tree))
    else:
        return {path: tree}
    return {p: leaf for key, item in items for p, leaf in leaves(item, f"{path}[{key!r}]").items()}


def same(one: Any, other: Any) -> bool:
    """Equal bit for bit, with nan equal to nan."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        alike = (one.shape, one.dtype) == (other.shape, other.dtype)
        return alike and bool(((one == other) | (one.isnan() & other.isnan())).all())
    return type(one) is type(other) and bool(one == other or (one != one and other != other))
