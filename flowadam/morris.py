"""Morris designs: which configuration of the phase sensitivity has which index."""

from __future__ import annotations

from typing import Any

from flowadam.plan import Cell
from flowadam.sampling import Configuration, make_configuration
from flowadam.seeds import derive
from flowadam.spec import OptimizerSpec
from flowadam.study import Study

LEVELS = 4


def morris_problem(names: list[str]) -> dict[str, Any]:
    """Return SALib's description of the unit cube over the named parameters."""
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def morris_configuration(
    study: Study, cell: Cell, spec: OptimizerSpec, index: int
) -> Configuration:
    """Return configuration `index` >= 1 of a cell's Morris design, a function of its arguments.

    Trajectory t holds the d + 1 configurations t (d + 1) + 1 ... (t + 1)(d + 1), where d is the
    number of parameters; from one to the next a single unit coordinate jumps by 2/3 between the
    levels 0, 1/3, 2/3, 1. Trajectories are seeded one by one, so their number may grow.

    Source: Morris 1991; the sample is SALib's.
    """
    from SALib.sample import morris  # takes a second to import

    names = list(spec.space.names)
    trajectory, place = divmod(index - 1, len(names) + 1)
    seed = derive(study.seed, "trajectory", cell.task, cell.optimizer, trajectory)
    # SALib takes seed 0 for none.
    points = morris.sample(morris_problem(names), N=1, num_levels=LEVELS, seed=seed % 2**31 + 1)
    unit = dict(zip(names, points[place].tolist(), strict=True))
    return make_configuration(spec.space, index, spec.space.from_unit(unit), spec.fixed)
