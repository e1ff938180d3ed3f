"""Benchmark tasks by name. Importing this package loads no torch and no data library.

Names that are not here are looked for among the entry points ``flowadam.tasks`` of installed
packages.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowadam import installed, offers
from flowadam.errors import InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ray.tune import Trainable

    from flowadam.spec import OptimizerSpec
    from flowadam.task import Task

_FACTORIES = {
    "char_finetuning": "trainables.char_finetuning:char_finetuning",
    "char_transformer": "trainables.char_transformer:char_transformer",
    "cifar10_cnn": "trainables.cifar10:cifar10_cnn",
    "cifar10_resnet18": "trainables.cifar10:cifar10_resnet18",
    "cora_links": "trainables.known_graphs:cora_links",
    "coupling_digits": "trainables.coupling:coupling_digits",
    "coupling_quadratic": "trainables.coupling:coupling_quadratic",
    "digits_mlp": "trainables.digits:digits_mlp",
    "gflownet_grid": "trainables.gflownet_grid:gflownet_grid",
    "ill_conditioned_regression": "trainables.regression:ill_conditioned_regression",
    "indian_pines": "trainables.indian_pines:indian_pines",
    "inverse_kinematics_arc": "trainables.inverse_kinematics:inverse_kinematics_arc",
    "inverse_kinematics_spiral": "trainables.inverse_kinematics:inverse_kinematics_spiral",
    "inverse_kinematics_zigzag": "trainables.inverse_kinematics:inverse_kinematics_zigzag",
    "jester": "trainables.collaborative:jester",
    "karate_club": "trainables.known_graphs:karate_club",
    "link_prediction_calibration": "trainables.block_graphs:calibration",
    "link_prediction_large": "trainables.block_graphs:large",
    "link_prediction_medium": "trainables.block_graphs:medium",
    "link_prediction_small": "trainables.block_graphs:small",
    "matrix_completion_large": "trainables.matrix_completion:large",
    "matrix_completion_medium": "trainables.matrix_completion:medium",
    "matrix_completion_small": "trainables.matrix_completion:small",
    "matrix_sensing": "trainables.sensing:matrix_sensing",
    "movielens": "trainables.collaborative:movielens",
    "movielens_residual": "trainables.collaborative:movielens_residual",
    "photo_completion": "trainables.photo:photo_completion",
    "ratings": "trainables.ratings:load",
    "robust_factorization_large": "trainables.robust_factorization:large",
    "robust_factorization_medium": "trainables.robust_factorization:medium",
    "robust_factorization_small": "trainables.robust_factorization:small",
    "rosenbrock": "trainables.rosenbrock:rosenbrock",
    "rotated_quadratic": "trainables.quadratics:rotated_quadratic",
    "tensor_completion_large": "trainables.tensor_completion:large",
    "tensor_completion_medium": "trainables.tensor_completion:medium",
    "tensor_completion_small": "trainables.tensor_completion:small",
    "two_spirals": "trainables.spirals:two_spirals",
}

# Tasks whose data a user has to bring or to fetch: small generated ones stand in for listings.
_SAMPLES = {
    "cifar10_cnn": "trainables.cifar10:cnn_sample",
    "cifar10_resnet18": "trainables.cifar10:resnet18_sample",
    "cora_links": "trainables.known_graphs:cora_sample",
    "jester": "trainables.collaborative:jester_sample",
    "movielens": "trainables.collaborative:movielens_sample",
    "movielens_residual": "trainables.collaborative:movielens_residual_sample",
    "ratings": "trainables.ratings:sample",
}


def names() -> list[str]:
    """Return the name of every built-in task, sorted."""
    return sorted(_FACTORIES)


def get(name: str, **options: Any) -> Task:
    """Return the task called `name`, built in or of an installed package.

    Args:
        name: one of ``names()``, or an entry point.
        options: keyword arguments of the task's factory, for example ``rank`` or ``data_seed``;
            ``ratings`` needs ``path``.

    Raises:
        InputError: unknown name, unknown or missing option, or an option out of its range.
    """
    if name in _FACTORIES:
        return _make(name, _factory(name), options)
    found = installed.find("task", name, names())
    return offers.installed_task(found, lambda factory: _make(name, factory, options))


def _make(name: str, factory: Callable[..., Task], options: Mapping[str, Any]) -> Task:
    """Call a factory with options that it is known to take."""
    parameters = inspect.signature(factory).parameters
    for option in options:
        if option not in parameters:
            raise InputError(f"{name} has no option '{option}'.{nearest(option, parameters)}")
    for option, parameter in parameters.items():
        if parameter.default is parameter.empty and option not in options:
            raise InputError(f"{name} needs the option '{option}'.")
    return factory(**options)


def all_tasks() -> list[Task]:
    """Return every built-in task with its default options, in the order of ``names()``.

    Tasks whose data lie elsewhere stand here with a small generated sample, so that listings and
    contract suites cover them.
    """
    return [_found(_SAMPLES[name])() if name in _SAMPLES else get(name) for name in names()]


def _factory(name: str) -> Callable[..., Task]:
    return _found(_FACTORIES[name])


def _found(path: str) -> Callable[..., Task]:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def trainable(
    task: Task,
    optimizer: OptimizerSpec,
    *,
    budget: int | None = None,
    seeds: int = 1,
    reports: int = 10,
    device: str = "cpu",
    dtype: str = "float32",
) -> type[Trainable]:
    """Return an ordinary Ray Tune class Trainable; see `trainables.ray_trainable.trainable`."""
    return import_module("trainables.ray_trainable").trainable(
        task,
        optimizer,
        budget=budget,
        seeds=seeds,
        reports=reports,
        device=device,
        dtype=dtype,
    )
