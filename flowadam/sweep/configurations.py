"""Which configuration a group of any phase runs."""

from __future__ import annotations

from flowadam.errors import FlowAdamError
from flowadam.morris import morris_configuration
from flowadam.optuna_bridge import from_optuna
from flowadam.plan import Cell, Group
from flowadam.sampling import Configuration, configuration, make_configuration
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep.job import Catalog


def configuration_of(study: Study, catalog: Catalog, store: Store, group: Group) -> Configuration:
    """Return the configuration that a group of any phase runs.

    Raises:
        FlowAdamError: an adaptive study's ledger does not hold the point.
    """
    cell, spec = group.cell, catalog.specs[group.cell.optimizer]
    if group.phase == "inclusion":
        return _included(study, catalog, store, group)
    if group.phase == "sensitivity":
        return morris_configuration(study, cell, spec, group.config)
    if study.adaptive and group.config:
        name = [cell.task, cell.optimizer, cell.budget]
        for event in store.notes("asked"):
            points = dict(event["points"]) if event["cell"] == name else {}
            if group.config in points:
                values = from_optuna(spec.space, points[group.config])
                return make_configuration(spec.space, group.config, values, spec.fixed)
        raise FlowAdamError(f"The ledger lacks configuration {group.config} of {cell}.")
    return configuration(study, cell, spec, group.config)


def _included(study: Study, catalog: Catalog, store: Store, group: Group) -> Configuration:
    """Return the container's configuration that is the other optimizer's winner."""
    spec = catalog.specs[group.cell.optimizer]
    named = [i for i in spec.includes if i.other == group.contained]
    inclusion = named[0] if named else spec.includes[0]
    cell = Cell(group.cell.task, inclusion.other, group.cell.budget)
    other = configuration_of(study, catalog, store, Group("search", cell, group.config, ()))
    return Configuration(
        group.config, {**spec.defaults, **other.values, **inclusion.overrides}, other.unit
    )
