"""Whether flows are made for a task's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowadam.errors import InputError
from flowadam.rodflow.by_closure import flat
from flowadam.rodflow.kinks import kinks
from flowadam.task import DifferentiableProblem, Task
from flowadam.trial import run_seed

if TYPE_CHECKING:
    from torch import Tensor


def require_full_batch(task: Task) -> None:
    """Raise InputError unless the task's loss is a function of the parameters alone."""
    if not task.deterministic:
        raise InputError(
            f"Flows follow the loss of the full batch; the task '{task.name}' draws batches, "
            "dropout or samples in every step."
        )


def kinks_of(task: Task) -> tuple[str, ...]:
    """Return the operations of a task's loss that have kinks, where autograd's graph shows them."""
    problem = task.make([run_seed(0, 0)], dtype="float64")
    if not isinstance(problem, DifferentiableProblem):
        return ()
    problem.begin_step(0)
    sizes = [p.numel() for p in problem.params]

    def loss(w: Tensor) -> Tensor:
        parts = w.split(sizes)
        params = [part.view_as(p) for part, p in zip(parts, problem.params, strict=True)]
        return problem.losses(params, [0]).sum()

    return kinks(loss, flat(problem.params))
