"""Which configuration has which index."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from scipy.stats import qmc

from flowadam.optuna_bridge import random_values
from flowadam.plan import Cell
from flowadam.seeds import derive
from flowadam.space import Space, Value, Values
from flowadam.spec import OptimizerSpec
from flowadam.study import Study

NOTHING: Values = MappingProxyType({})


@dataclass(frozen=True)
class Configuration:
    """A point of a space: real values and their unit coordinates."""

    index: int
    values: dict[str, Value]
    unit: dict[str, float]


def make_configuration(
    space: Space, index: int, values: Values, fixed: Values = NOTHING
) -> Configuration:
    """Return the configuration with its unit coordinates computed.

    Args:
        fixed: ``OptimizerSpec.fixed``, the options that no configuration changes.
    """
    return Configuration(index, {**fixed, **values}, space.to_unit(values))


def configuration(study: Study, cell: Cell, spec: OptimizerSpec, index: int) -> Configuration:
    """Return configuration `index` of a cell, a function of its arguments alone.

    Index 0 is the optimizer's default. For ``random`` each index has a sampler of its own, seeded
    by (study seed, task, optimizer, index); for ``qmc`` it is the point number ``index - 1`` of
    the cell's scrambled Sobol' sequence. The budget does not enter: budgets share their points.

    Raises:
        ValueError: the study's sampler is adaptive and `index` is not 0.
    """
    if index == 0:
        return make_configuration(spec.space, 0, spec.defaults)
    axes = (study.seed, "configuration", cell.task, cell.optimizer)
    if study.sampler == "random":
        values = random_values(spec.space, derive(*axes, index))
    elif study.sampler == "qmc":
        values = _sobol_values(spec.space, derive(*axes), index)
    else:
        raise ValueError(f"The sampler {study.sampler} is adaptive: its points are in the ledger.")
    return make_configuration(spec.space, index, values, spec.fixed)


def _sobol_values(space: Space, seed: int, index: int) -> dict[str, Value]:
    engine = qmc.Sobol(len(space), scramble=True, rng=seed)
    point = engine.fast_forward(index - 1).random(1)[0] if index > 1 else engine.random(1)[0]
    return space.from_unit(dict(zip(space.names, point.tolist(), strict=True)))
