"""Benchmark tasks by name. Importing this package loads no torch and no data library.

Names that are not here are looked for among the entry points ``flowadam.tasks`` of installed
packages.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowadam import installed, offers
from flowadam.errors import InputError, nearest, require_known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ray.tune import Trainable

    from flowadam.spec import OptimizerSpec
    from flowadam.task import Task

_FACTORIES = {
    "char_finetuning": "language.char_finetuning:char_finetuning",
    "char_transformer": "language.char_transformer:char_transformer",
    "cifar10_cnn": "images.cifar10:cifar10_cnn",
    "cifar10_resnet18": "images.cifar10:cifar10_resnet18",
    "cora_links": "graphs.known_graphs:cora_links",
    "coupling_digits": "small.coupling:coupling_digits",
    "coupling_quadratic": "small.coupling:coupling_quadratic",
    "digits_mlp": "images.digits:digits_mlp",
    "edge_cnn": "edge.digits:edge_cnn",
    "edge_mlp": "edge.teacher:edge_mlp",
    "edge_transformer": "edge.addition:edge_transformer",
    "gflownet_grid": "generative.gflownet_grid:gflownet_grid",
    "ill_conditioned_regression": "small.regression:ill_conditioned_regression",
    "indian_pines": "tensors.indian_pines:indian_pines",
    "inverse_kinematics_arc": "kinematics.inverse_kinematics:inverse_kinematics_arc",
    "inverse_kinematics_spiral": "kinematics.inverse_kinematics:inverse_kinematics_spiral",
    "inverse_kinematics_zigzag": "kinematics.inverse_kinematics:inverse_kinematics_zigzag",
    "jester": "completion.collaborative:jester",
    "karate_club": "graphs.known_graphs:karate_club",
    "link_prediction_calibration": "graphs.block_graphs:calibration",
    "link_prediction_large": "graphs.block_graphs:large",
    "link_prediction_medium": "graphs.block_graphs:medium",
    "link_prediction_small": "graphs.block_graphs:small",
    "matrix_completion_large": "completion.matrix_completion:large",
    "matrix_completion_medium": "completion.matrix_completion:medium",
    "matrix_completion_small": "completion.matrix_completion:small",
    "matrix_sensing": "small.sensing:matrix_sensing",
    "movielens": "completion.collaborative:movielens",
    "movielens_residual": "completion.collaborative:movielens_residual",
    "photo_completion": "completion.photo:photo_completion",
    "ratings": "completion.ratings:load",
    "robust_factorization_large": "completion.robust_factorization:large",
    "robust_factorization_medium": "completion.robust_factorization:medium",
    "robust_factorization_small": "completion.robust_factorization:small",
    "rosenbrock": "small.rosenbrock:rosenbrock",
    "rotated_quadratic": "small.quadratics:rotated_quadratic",
    "tensor_completion_large": "tensors.tensor_completion:large",
    "tensor_completion_medium": "tensors.tensor_completion:medium",
    "tensor_completion_small": "tensors.tensor_completion:small",
    "two_spirals": "small.spirals:two_spirals",
}

# Tasks whose data a user has to bring or to fetch: small generated ones stand in for listings.
_SAMPLES = {
    "cifar10_cnn": "images.cifar10:cnn_sample",
    "cifar10_resnet18": "images.cifar10:resnet18_sample",
    "cora_links": "graphs.known_graphs:cora_sample",
    "jester": "completion.collaborative:jester_sample",
    "movielens": "completion.collaborative:movielens_sample",
    "movielens_residual": "completion.collaborative:movielens_residual_sample",
    "ratings": "completion.ratings:sample",
}


def names() -> list[str]:
    """Return the name of every built-in task, sorted."""
    return sorted(_FACTORIES)


def get(name: str, /, **options: Any) -> Task:
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


def options_of(name: str) -> dict[str, Any]:
    """Return the options of a built-in task with their defaults; ... where one has to be given.

    Raises:
        InputError: unknown name.
    """
    require_known("task", name, _FACTORIES)
    parameters = inspect.signature(_factory(name)).parameters.items()
    return {n: ... if p.default is p.empty else p.default for n, p in parameters}


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
    return getattr(import_module(f"trainables.{module}"), attribute)


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
