"""How the checks run an optimizer: through the same ``Training`` as every sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from flowadam.contract.quadratic import QuadraticTask
from flowadam.contract.result import require
from flowadam.contract.working import NO_CHANGES, working_values
from flowadam.space import Values
from flowadam.spec import OptimizerSpec
from flowadam.task import Task
from flowadam.training import Training

SEEDS = (11, 12, 13)
UNLIMITED = 10_000
BOTH_KINDS = (QuadraticTask(), QuadraticTask(noise=0.1))
"""A full-batch and a stochastic problem: optimizers may treat the two differently."""


def train(
    spec: OptimizerSpec,
    task: Task,
    evaluations: int,
    *,
    seeds: Sequence[int] = SEEDS,
    dtype: str = "float64",
    changes: Values = NO_CHANGES,
) -> Training:
    """Return a run of `working_values` and `changes`, advanced by at least `evaluations`."""
    values = {**working_values(spec), **changes}
    training = Training(task, spec, values, seeds, UNLIMITED, dtype=dtype)
    training.advance(evaluations)
    return training


def weights(training: Training) -> list[torch.Tensor]:
    """Return copies of the parameters."""
    return [p.detach().clone() for p in training.problem.params]


def optimizers(training: Training) -> list[Any]:
    """Return the torch optimizers of a run: one, or one per replica where it is split."""
    return getattr(training.optimizer, "optimizers", [training.optimizer])


def tensors_in(tree: object) -> list[torch.Tensor]:
    """Return the tensors in nested dictionaries, lists and tuples."""
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [tensor for item in tree for tensor in tensors_in(item)]
    return []


def require_equal(
    ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor], rule: str, rtol: float = 0.0
) -> None:
    """Raise ContractBroken unless the tensors agree to `rtol` (0: bit for bit).

    The distance is ``max |a - b| / max(1, |b|)`` over all entries.
    """
    for a, b in zip(ours, theirs, strict=True):
        if not b.numel():
            continue
        distance = float(((a - b).abs() / b.abs().clamp(min=1)).max())
        require(distance <= rtol, f"{rule}: they differ by {distance:.2g}, allowed is {rtol:.2g}.")
