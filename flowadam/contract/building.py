"""Checks of what a spec promises before a run: it builds everywhere, and nothing else passes."""

from __future__ import annotations

from dataclasses import replace

import torch

from flowadam.contract.quadratic import QuadraticTask
from flowadam.contract.result import ContractBroken, require
from flowadam.errors import InputError
from flowadam.space import Values
from flowadam.spec import OptimizerSpec
from flowadam.training import Training

RANDOM_POINTS = 50
GRADIENTS = 3


def builds_from_defaults(spec: OptimizerSpec) -> None:
    """The published defaults build an optimizer that takes steps."""
    _take_steps(spec, spec.defaults)


def builds_in_its_whole_space(spec: OptimizerSpec) -> None:
    """Both corners and 50 random points of the space build an optimizer that takes steps."""
    cube = torch.rand(
        RANDOM_POINTS, len(spec.space), generator=torch.Generator().manual_seed(0)
    ).tolist()
    for point in [[0.0] * len(spec.space), [1.0] * len(spec.space), *cube]:
        _take_steps(spec, spec.space.from_unit(dict(zip(spec.space.names, point, strict=True))))


def refuses_unknown_knobs(spec: OptimizerSpec) -> None:
    """A misspelt option is an error, in the spec and in the factory."""
    for name in (n for n in spec.defaults if n.startswith("opt.")):
        wrong = f"{name}_"
        try:
            replace(spec, defaults={**spec.defaults, wrong: spec.defaults[name]})
        except InputError:
            pass
        else:
            raise ContractBroken(f"The spec accepts a default for the unknown option '{wrong}'.")
        try:
            _take_steps(spec, {**spec.defaults, wrong: spec.defaults[name]})
        except (InputError, TypeError):
            continue
        raise ContractBroken(f"The factory accepts the unknown option '{wrong}'.")


def names_its_sources(spec: OptimizerSpec) -> None:
    """The spec and every range say where they come from."""
    require(bool(spec.source.strip()), "The spec has no source.")
    for parameter in spec.space:
        require(bool(parameter.source.strip()), f"The range of {parameter.name} has no source.")


def _take_steps(spec: OptimizerSpec, values: Values) -> None:
    Training(QuadraticTask(), spec, values, [0, 1], budget=GRADIENTS).advance()
