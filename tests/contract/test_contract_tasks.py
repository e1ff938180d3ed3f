"""Every task passes every task check, and every optimizer runs on every task."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import search_spaces
import trainables
from flowadam.contract import PAIR_CHECKS, TASK_CHECKS, run_checks
from flowadam.contract.quadratic import QuadraticTask
from flowadam.task import Task

SPECS = search_spaces.all_specs()
TASKS: dict[str, Task] = {
    "quadratic": QuadraticTask(),
    "noisy quadratic": QuadraticTask(noise=0.1),
    **{task.name: task for task in trainables.all_tasks()},
}


@pytest.mark.parametrize(("name", "check"), TASK_CHECKS.items(), ids=TASK_CHECKS)
@pytest.mark.parametrize("task", TASKS)
def test_task(task: str, name: str, check: Callable[..., None]) -> None:
    check(TASKS[task], SPECS["adam"])


@pytest.mark.parametrize(("name", "check"), PAIR_CHECKS.items(), ids=PAIR_CHECKS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("optimizer", SPECS)
def test_pair(optimizer: str, task: str, name: str, check: Callable[..., None]) -> None:
    if name not in SPECS[optimizer].exempt:
        check(SPECS[optimizer], TASKS[task])


def test_the_runners_return_one_result_per_check() -> None:
    task, adam = TASKS["quadratic"], SPECS["adam"]
    assert [r.name for r in run_checks("task", task, adam)] == list(TASK_CHECKS)
    assert [r.name for r in run_checks("pair", adam, task)] == list(PAIR_CHECKS)
    assert {
        r.status for r in [*run_checks("task", task, adam), *run_checks("pair", adam, task)]
    } == {"ok"}
