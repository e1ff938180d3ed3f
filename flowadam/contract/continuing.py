"""Checks of checkpoints: a run saved in the middle goes on bit for bit."""

from __future__ import annotations

import io
from collections.abc import Callable
from copy import deepcopy

import torch

from flowadam.contract.drive import BOTH_KINDS, optimizers, require_equal, train, weights
from flowadam.contract.result import require
from flowadam.spec import OptimizerSpec
from flowadam.task import Task
from flowadam.training import Training

HALF, WHOLE = 25, 60


def continues_from_its_state_dict(spec: OptimizerSpec) -> None:
    """A new run that loads a state_dict taken in mid-run goes on bit for bit."""

    def reload(task: Task, training: Training) -> Training:
        fresh = train(spec, task, 0)
        fresh.load_state_dict(training.state_dict())
        return fresh

    _check(spec, reload)


def continues_from_a_file(spec: OptimizerSpec) -> None:
    """The same through ``torch.save`` and ``torch.load(weights_only=True)``."""

    def reload(task: Task, training: Training) -> Training:
        buffer = io.BytesIO()
        torch.save(training.state_dict(), buffer)
        buffer.seek(0)
        fresh = train(spec, task, 0)
        fresh.load_state_dict(torch.load(buffer, weights_only=True))
        return fresh

    _check(spec, reload)


def continues_from_a_deep_copy(spec: OptimizerSpec) -> None:
    """The same through ``copy.deepcopy`` of problem and optimizer together."""
    _check(spec, lambda task, training: deepcopy(training))


def leaves_no_graph(spec: OptimizerSpec) -> None:
    """No buffer of the state carries a graph, and the parameters stay leaves."""
    for task in BOTH_KINDS:
        training = train(spec, task, HALF)
        states = [optimizer.state_dict() for optimizer in optimizers(training)]
        for tensor in _tensors(states):
            require(
                not tensor.requires_grad and tensor.grad_fn is None,
                f"A tensor of shape {list(tensor.shape)} in the state carries a graph.",
            )
        require(all(p.is_leaf for p in training.problem.params), "A parameter is no leaf any more.")


def _check(spec: OptimizerSpec, reload: Callable[[Task, Training], Training]) -> None:
    for task in BOTH_KINDS:
        training = train(spec, task, HALF)
        copy = reload(task, training)
        training.advance(WHOLE)
        copy.advance(WHOLE)
        require_equal(
            weights(copy), weights(training), "A restored run must go on like the first one"
        )
        require(
            torch.equal(copy.meter.used, training.meter.used),
            f"A restored run used {copy.meter.used.tolist()} gradients where the first one used "
            f"{training.meter.used.tolist()}.",
        )


def _tensors(tree: object) -> list[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [tensor for item in tree for tensor in _tensors(item)]
    return []
