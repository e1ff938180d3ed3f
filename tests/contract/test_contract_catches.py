"""No check is idle: each one fails a subject with the fault it is there to find."""

from __future__ import annotations

import broken_optimizers
import broken_tasks
import pytest

import search_spaces
from flowadam.contract import OPTIMIZER_CHECKS, TASK_CHECKS, run_checks
from flowadam.contract.result import run_table
from flowadam.task import Task

ADAM = search_spaces.get("adam")


def test_plain_descent_passes_every_check() -> None:
    assert {result.status for result in run_checks("optimizer", broken_optimizers.spec())} == {"ok"}


@pytest.mark.parametrize("name", OPTIMIZER_CHECKS)
def test_optimizer_check_finds_its_fault(name: str) -> None:
    spec = broken_optimizers.BROKEN[name]
    (result,) = run_table({name: OPTIMIZER_CHECKS[name]}, spec, exempt={})
    assert result.status == "failed"
    assert result.message


TASK_FAULTS = [
    *broken_tasks.BROKEN.items(),
    *broken_tasks.MORE_BROKEN,
    ("steps_are_a_function_of_their_number", broken_tasks.mislabeled()),
]


@pytest.mark.parametrize(("name", "task"), TASK_FAULTS)
def test_task_check_finds_its_fault(name: str, task: Task) -> None:
    (result,) = run_table({name: TASK_CHECKS[name]}, task, ADAM, exempt={})
    assert result.status == "failed"
    assert result.message


def test_every_check_has_a_fault() -> None:
    assert set(broken_optimizers.BROKEN) == set(OPTIMIZER_CHECKS)
    assert set(broken_tasks.BROKEN) == set(TASK_CHECKS)


def test_pair_check_finds_a_task_that_breaks() -> None:
    (result,) = run_checks("pair", ADAM, broken_tasks.WrongMetric())
    assert result.status == "failed"
    assert "KeyError: 'accuracy'" in result.message
