"""Groups of an optimizer that contains several others: told apart, and named as before."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from flowadam.contract.quadratic import QuadraticTask
from flowadam.outcome import Outcome
from flowadam.plan import CONFIRM_SEED_START, Cell, Group, TrialKey, inclusion_plan
from flowadam.rows import group_rows
from flowadam.sampling import Configuration, configuration
from flowadam.space import Float, Space, digest
from flowadam.spec import Inclusion, OptimizerSpec
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep import Catalog, configuration_of

TASK, BUDGET = "a", 100
SEEDS = (CONFIRM_SEED_START, CONFIRM_SEED_START + 1)
LR = Float("opt.lr", 0.1, 1.0, "test")
DIAL = Float("opt.dial", 0.0, 1.0, "test")


def factory(params: object, *, lr: float = 0.5, dial: float = 0.5) -> None:
    raise AssertionError("A plan builds no optimizer.")


def spec(name: str, *includes: Inclusion, knobs: tuple[Float, ...] = (LR,)) -> OptimizerSpec:
    defaults = {knob.name: 0.5 for knob in knobs}
    return OptimizerSpec(name, factory, Space(knobs), defaults, "test", includes=includes)


BIG = spec(
    "big", Inclusion("x", {"opt.dial": 0.0}), Inclusion("y", {"opt.dial": 1.0}), knobs=(LR, DIAL)
)
SPECS = {"x": spec("x"), "y": spec("y"), "big": BIG}
STUDY = Study((TASK,), ("x", "y", "big"), confirm_seeds=2)
WINNERS = {Cell(TASK, name, BUDGET): [0, 7] for name in SPECS}


def groups(*names: str) -> list[Group]:
    """Return the inclusion groups of a study of these optimizers."""
    found = {cell: won for cell, won in WINNERS.items() if cell.optimizer in names}
    return list(inclusion_plan(STUDY, {name: SPECS[name] for name in names}, found))


def test_every_contained_optimizer_has_a_group_and_the_later_ones_a_name() -> None:
    container = Cell(TASK, "big", BUDGET)
    first = Group("inclusion", container, 7, SEEDS)
    second = Group("inclusion", container, 7, SEEDS, contained="y")
    assert groups("x", "y", "big") == [first, second]
    assert groups("x", "big") == [first]
    assert groups("y", "big") == [second], "the name must not depend on who else takes part"
    keys = [key.hash() for group in (first, second) for key in group.keys("identity")]
    assert len(set(keys)) == 4


def test_keys_of_all_other_rows_are_those_of_before() -> None:
    key = TrialKey("identity", "inclusion", TASK, "big", BUDGET, 7, SEEDS[0])
    parts = asdict(key)
    assert parts.pop("contained") == ""
    assert key.hash() == digest(parts)
    assert replace(key, contained="y").hash() != key.hash()


@pytest.mark.parametrize(("other", "dial"), [("x", 0.0), ("y", 1.0)])
def test_a_group_runs_the_winner_of_its_own_contained_optimizer(other: str, dial: float) -> None:
    catalog = Catalog({TASK: QuadraticTask()}, SPECS)
    (group,) = groups(other, "big")
    # A random study's points are functions of the study alone, so no store is read.
    store = Store.__new__(Store)
    found = configuration_of(STUDY, catalog, store, group)
    cell = Cell(TASK, other, BUDGET)
    rate = configuration(STUDY, cell, SPECS[other], 7).values["opt.lr"]
    assert found.values == {"opt.lr": rate, "opt.dial": dial}


def test_rows_say_which_optimizer_is_contained() -> None:
    for group, name in zip(groups("x", "y", "big"), (None, "y"), strict=True):
        outcomes = [Outcome(seed, "ok", "cpu") for seed in SEEDS]
        rows, _ = group_rows(STUDY, "identity", group, Configuration(7, {}, {}), outcomes)
        assert [row["contained"] for row in rows] == [name, name]
