"""What can be tracked: problems and optimizers by the names of the command line."""

from __future__ import annotations

from collections.abc import Sequence

from flowadam.errors import require_known
from flowadam.rodflow.optimizers import OPTIMIZERS

PROBLEMS = {
    "mlp": "edge_mlp",
    "cnn": "edge_cnn",
    "transformer": "edge_transformer",
    "quadratic": "rotated_quadratic",
}
"""Short names of tasks; any other name is that of a task."""

ALL = "all"


def task_name(problem: str) -> str:
    """Return the task that a problem stands for."""
    return PROBLEMS.get(problem, problem)


def methods(names: Sequence[str]) -> list[str]:
    """Return the named methods in the order of ``OPTIMIZERS``; "all" stands for the nine.

    Raises:
        InputError: none has this name.
    """
    for name in names:
        require_known("optimizer", name, (*OPTIMIZERS, ALL))
    return [name for name in OPTIMIZERS if name in names or ALL in names]
