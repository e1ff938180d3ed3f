"""The papers' own experiments, as published: to be compared with, never to be tuned.

Every published benchmark has two forms that share data kinds, models and kernels. The *fair* form
is the task of the same name. The *published* form here keeps what the papers' scripts do: the seed
draws data and start by the scripts' own generator calls, rates and penalties are fixed and placed
as the scripts place them, everybody makes the same number of steps, and the last iterate is scored
on the test part.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from flowadam.errors import require_known

if TYPE_CHECKING:
    from trainables.published.scenario import Scenario

_MODULES = {
    "ablation_injection": "trainables.published.lowdim",
    "cifar10_resnet18": "trainables.published.cifar",
    "ill_conditioned_regression": "trainables.published.lowdim",
    "inverse_kinematics_arc": "trainables.published.arm",
    "jester": "trainables.published.ratings",
    "jester_grid": "trainables.published.jester_tuned",
    "jester_tuned": "trainables.published.jester_tuned",
    "link_prediction_calibration": "trainables.published.graph",
    "link_prediction_large": "trainables.published.graph",
    "link_prediction_medium": "trainables.published.graph",
    "link_prediction_small": "trainables.published.graph",
    "matrix_completion_gamma": "trainables.published.matrix_ablations",
    "matrix_completion_large": "trainables.published.matrix",
    "matrix_completion_matched": "trainables.published.matrix_ablations",
    "matrix_completion_medium": "trainables.published.matrix",
    "matrix_completion_penalty": "trainables.published.matrix_ablations",
    "matrix_completion_small": "trainables.published.matrix",
    "movielens_residual": "trainables.published.ratings",
    "robust_factorization_large": "trainables.published.robust",
    "robust_factorization_medium": "trainables.published.robust",
    "robust_factorization_small": "trainables.published.robust",
    "rosenbrock": "trainables.published.lowdim",
    "rotated_quadratic": "trainables.published.lowdim",
    "tensor_completion_large": "trainables.published.tensor",
    "tensor_completion_medium": "trainables.published.tensor",
    "tensor_completion_small": "trainables.published.tensor",
    "two_spirals": "trainables.published.lowdim",
}


def names() -> list[str]:
    """Return the name of every published scenario, sorted."""
    return sorted(_MODULES)


def get(name: str) -> Scenario:
    """Return the scenario called `name`.

    Raises:
        InputError: there is none of this name.
    """
    require_known("published scenario", name, _MODULES)
    scenarios: Mapping[str, Scenario] = import_module(_MODULES[name]).SCENARIOS
    return scenarios[name]
