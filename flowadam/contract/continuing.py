"""Checks of checkpoints: a run saved in the middle goes on bit for bit."""

from __future__ import annotations

import io
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch

from flowadam.contract.drive import (
    BOTH_KINDS,
    optimizers,
    require_equal,
    tensors_in,
    train,
    weights,
)
from flowadam.contract.loop import Loop, weights_of
from flowadam.contract.result import require
from flowadam.contract.working import ordinary
from flowadam.spec import OptimizerSpec
from flowadam.training import Training

HALF, WHOLE = 20, 40
Run = Training | Loop
Start = Callable[[], Run]


def continues_from_its_state_dict(spec: OptimizerSpec) -> None:
    """A new run that loads a state_dict taken in mid-run goes on bit for bit.

    Checked, like the two below, in a sweep's stacked run and in an ordinary loop over a module.
    """

    def reload(start: Start, run: Run) -> Run:
        fresh = start()
        fresh.load_state_dict(run.state_dict())
        return fresh

    _check(spec, reload)


def continues_from_a_file(spec: OptimizerSpec) -> None:
    """The same through ``torch.save`` and ``torch.load(weights_only=True)``."""

    def reload(start: Start, run: Run) -> Run:
        buffer = io.BytesIO()
        torch.save(run.state_dict(), buffer)
        buffer.seek(0)
        fresh = start()
        fresh.load_state_dict(torch.load(buffer, weights_only=True))
        return fresh

    _check(spec, reload)


def continues_from_a_deep_copy(spec: OptimizerSpec) -> None:
    """The same through ``copy.deepcopy`` of problem, or module, and optimizer together."""
    _check(spec, lambda start, run: deepcopy(run))


def leaves_no_graph(spec: OptimizerSpec) -> None:
    """No buffer of the state carries a graph, and the parameters stay leaves."""
    for run in (start() for start in _starts(spec)):
        run.advance(HALF)
        owners = [run.optimizer] if isinstance(run, Loop) else optimizers(run)
        for tensor in tensors_in([optimizer.state_dict() for optimizer in owners]):
            require(
                not tensor.requires_grad and tensor.grad_fn is None,
                f"A tensor of shape {list(tensor.shape)} in the state carries a graph.",
            )
        params = run.params if isinstance(run, Loop) else run.problem.params
        require(all(p.is_leaf for p in params), "A parameter is no leaf any more.")


def _check(spec: OptimizerSpec, reload: Callable[[Start, Run], Run]) -> None:
    for start in _starts(spec):
        run = start()
        run.advance(HALF)
        copy = reload(start, run)
        run.advance(WHOLE)
        copy.advance(WHOLE)
        require_equal(_weights(copy), _weights(run), "A restored run must go on like the first one")
        used, before = _used(copy), _used(run)
        require(
            used == before,
            f"A restored run used {used} gradients where the first one used {before}.",
        )


def _starts(spec: OptimizerSpec) -> list[Start]:
    """Return what begins a run: stacked ones, then ordinary loops, each with and without noise."""
    stacked: list[Start] = [partial(train, spec, task, 0) for task in BOTH_KINDS]
    return [*stacked, *(partial(ordinary, spec, noisy=noisy) for noisy in (False, True))]


def _weights(run: Run) -> list[torch.Tensor]:
    return weights_of(run) if isinstance(run, Loop) else weights(run)


def _used(run: Run) -> list[int]:
    return [run.evaluations] if isinstance(run, Loop) else run.meter.used.tolist()
