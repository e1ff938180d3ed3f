"""The groups of every phase of a study, as far as its rows tell who has won."""

from __future__ import annotations

from collections.abc import Sequence

from flowadam.plan import (
    Cell,
    Group,
    cells,
    confirm_plan,
    inclusion_plan,
    search_plan,
    sensitivity_plan,
    timing_plan,
)
from flowadam.rows import Row
from flowadam.study import Study
from flowadam.sweep.job import Catalog
from flowadam.winners import Election, elections


def planned(study: Study, catalog: Catalog, rows: Sequence[Row], phase: str) -> list[Group]:
    """Return the groups of one phase; inclusion runs belong to the phase confirm.

    Cells of an earlier budget may stop at a smaller N, which is nothing to the present ones.
    """
    if phase == "search":
        return list(search_plan(study, catalog.tasks))
    if phase == "sensitivity":
        return list(sensitivity_plan(study, catalog.tasks, catalog.specs))
    found = _elections(study, catalog, rows)
    if phase == "timing":
        return list(timing_plan(study, {c: e.best for c, e in found.items() if e.best}))
    winners = {cell: [0, *election.elected] for cell, election in found.items()}
    included = inclusion_plan(study, catalog.specs, winners)
    return [*confirm_plan(study, winners), *included]


def _elections(study: Study, catalog: Catalog, rows: Sequence[Row]) -> dict[Cell, Election]:
    """Return the elections of the study's present cells, in their order."""
    mine = cells(study, catalog.tasks)
    known = set(mine)
    present = [r for r in rows if Cell(r["task"], r["optimizer"], r["budget"]) in known]
    found = elections(study, present)
    return {cell: found[cell] for cell in mine if cell in found}
