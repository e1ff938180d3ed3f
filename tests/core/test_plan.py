"""The plan: what runs, in which order, under which names."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowadam.contract.quadratic import QuadraticTask
from flowadam.plan import (
    CONFIRM_SEED_START,
    Cell,
    Group,
    TrialKey,
    cell_identity,
    cells,
    confirm_plan,
    inclusion_plan,
    search_plan,
    seed_blocks,
)
from flowadam.space import Float, Space
from flowadam.spec import Inclusion, OptimizerSpec
from flowadam.study import Study

TASK = QuadraticTask()
names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True).map(tuple)
blocks = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


def factory(params: object, *, lr: float) -> None:
    raise AssertionError("A plan builds no optimizer.")


def spec(name: str, high: float = 1.0, includes: tuple[Inclusion, ...] = ()) -> OptimizerSpec:
    space = Space((Float("opt.lr", 0.1, high, "test"),))
    return OptimizerSpec(name, factory, space, {"opt.lr": 0.5}, "test", includes=includes)


def plan(study: Study) -> list[Group]:
    return list(search_plan(study, dict.fromkeys(study.task, TASK)))


@given(
    tasks=names,
    optimizers=names,
    trials=st.integers(1, 6),
    sizes=blocks,
    cut=st.floats(0, 1),
)
def test_any_prefix_is_balanced(
    tasks: tuple[str, ...],
    optimizers: tuple[str, ...],
    trials: int,
    sizes: tuple[int, ...],
    cut: float,
) -> None:
    study = Study(tasks, optimizers, trials=trials, seeds=sum(sizes), search_blocks=sizes)
    groups = plan(study)
    every = set(groups)
    assert len(every) == len(groups) == len(tasks) * len(optimizers) * (trials + 1) * len(sizes)
    prefix = groups[: round(cut * len(groups))]
    done = Counter(group.cell for group in prefix)
    whole = {
        cell: sum(
            all(Group("search", cell, c, b) in prefix for b in seed_blocks(sizes))
            for c in range(trials + 1)
        )
        for cell in cells(study, dict.fromkeys(tasks, TASK))
    }
    assert max(whole.values()) - min(whole.values()) <= 1
    assert max(done.values(), default=0) - min(done[cell] for cell in whole) <= len(sizes)


@given(optimizers=names, trials=st.integers(1, 4), more=st.integers(0, 3), sizes=blocks)
def test_a_grown_plan_contains_the_old_one(
    optimizers: tuple[str, ...], trials: int, more: int, sizes: tuple[int, ...]
) -> None:
    old = Study(("a",), optimizers, trials=trials, seeds=sum(sizes), search_blocks=sizes)
    wanted = replace(old, trials=trials + more, seeds=old.seeds + more, task=("b",))
    new = old.grown(wanted, "here")
    assert set(plan(old)) <= set(plan(new))
    extra = {group.seeds for group in plan(new)} - {group.seeds for group in plan(old)}
    assert extra == ({tuple(range(old.seeds, old.seeds + more))} if more else set())


@given(sizes=blocks, start=st.integers(0, 10**7))
def test_blocks_are_consecutive_and_disjoint(sizes: tuple[int, ...], start: int) -> None:
    found = seed_blocks(sizes, start)
    assert tuple(len(block) for block in found) == sizes
    flat = [seed for block in found for seed in block]
    assert flat == list(range(start, start + sum(sizes)))


def test_confirm_seeds_are_fresh_and_the_plan_goes_round_by_round() -> None:
    study = Study(("a",), ("x", "y"), confirm_seeds=3, confirm_blocks=(2, 1))
    first, second = Cell("a", "x", 100), Cell("a", "y", 100)
    found = list(confirm_plan(study, {first: [0, 5, 2], second: [0]}))
    one, two = CONFIRM_SEED_START, CONFIRM_SEED_START + 2
    both = ((one, one + 1), (two,))
    order = [(first, 0), (second, 0), (first, 5), (first, 2)]
    assert [(g.cell, g.config, g.seeds) for g in found] == [(*o, b) for o in order for b in both]
    assert {group.phase for group in found} == {"confirm"}
    searched = {seed for group in plan(study) for seed in group.seeds}
    assert searched.isdisjoint(seed for group in found for seed in group.seeds)


def test_no_winner_no_confirmation() -> None:
    study = Study(("a",), ("x",))
    assert list(confirm_plan(study, {Cell("a", "x", 100): []})) == []
    assert list(confirm_plan(study, {})) == []


def test_the_container_runs_at_the_others_first_winner() -> None:
    study = Study(("a",), ("x", "big"), confirm_seeds=2)
    specs = {"x": spec("x"), "big": spec("big", includes=(Inclusion("x", {"opt.lr": 0.5}),))}
    winners = {Cell("a", "x", 100): [0, 7, 3], Cell("a", "big", 100): [0, 1]}
    seeds = (CONFIRM_SEED_START, CONFIRM_SEED_START + 1)
    expected = [Group("inclusion", Cell("a", "big", 100), 7, seeds)]
    assert list(inclusion_plan(study, specs, winners)) == expected
    assert list(inclusion_plan(study, specs, {Cell("a", "x", 100): [0]})) == []


def test_the_budget_is_the_studys_or_the_tasks() -> None:
    tasks = {"a": TASK}
    assert cells(Study(("a",), ("x",)), tasks) == [Cell("a", "x", TASK.budget)]
    assert cells(Study(("a",), ("x",), budget=7), tasks) == [Cell("a", "x", 7)]


KEY = TrialKey("identity", "search", "task", "optimizer", 100, 3, 4)


@pytest.mark.parametrize(
    "changed",
    [
        {"identity": "other"},
        {"phase": "confirm"},
        {"task": "other"},
        {"optimizer": "other"},
        {"budget": 101},
        {"config": 4},
        {"seed": 5},
    ],
)
def test_every_part_of_a_key_counts(changed: dict[str, object]) -> None:
    assert replace(KEY, **changed).hash() != KEY.hash()


def test_what_a_cells_identity_depends_on() -> None:
    study = Study(("a",), ("x",))
    identity = cell_identity(study, TASK, spec("x"))
    assert cell_identity(replace(study, trials=99), TASK, spec("x")) == identity
    assert cell_identity(replace(study, seed=1), TASK, spec("x")) != identity
    assert cell_identity(study, QuadraticTask(noise=1.0), spec("x")) != identity
    assert cell_identity(study, TASK, spec("x", high=2.0)) != identity


def test_names_are_the_same_in_every_process_and_version() -> None:
    """Golden hashes: a change here makes every stored study unreadable."""
    study = Study(("a", "b"), ("x",), seed=3, data="/anywhere/else.csv")
    assert KEY.hash() == "48a1ae369fcb3127"
    assert study.identity() == "e739abb441b2b27c"
    assert cell_identity(study, TASK, spec("x")) == "300d8a22b08e1071"
    code = (
        "from flowadam.plan import TrialKey\n"
        "print(TrialKey('identity', 'search', 'task', 'optimizer', 100, 3, 4).hash())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert hashes == {KEY.hash()}
