"""No check is idle: each one fails a subject with the fault it is there to find."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import broken_in_loops
import broken_optimizers
import broken_tasks
import paired
import pytest

import search_spaces
from flowadam.contract import OPTIMIZER_CHECKS, TASK_CHECKS, pair, run_checks
from flowadam.contract.result import ContractBroken, run_table
from flowadam.spec import OptimizerSpec
from flowadam.task import Task

ADAM = search_spaces.get("adam")
FAULTS: dict[str, OptimizerSpec] = {
    **broken_optimizers.BROKEN,
    **broken_in_loops.BROKEN_IN_LOOPS,
}
IN_PROCESS = [name for name in OPTIMIZER_CHECKS if name not in paired.CHECKS]


@pytest.mark.parametrize("name", IN_PROCESS)
def test_plain_descent_passes(name: str) -> None:
    (result,) = run_table({name: OPTIMIZER_CHECKS[name]}, broken_optimizers.spec(), exempt={})
    assert result.status in ("ok", "skipped"), result.message


@pytest.mark.parametrize("name", IN_PROCESS)
def test_optimizer_check_finds_its_fault(name: str) -> None:
    (result,) = run_table({name: OPTIMIZER_CHECKS[name]}, FAULTS[name], exempt={})
    if result.status == "skipped":
        pytest.skip(result.message)
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
    assert set(FAULTS) == set(OPTIMIZER_CHECKS)
    assert set(broken_tasks.BROKEN) == set(TASK_CHECKS)


def test_pair_check_finds_a_task_that_breaks() -> None:
    (result,) = run_checks("pair", ADAM, broken_tasks.WrongMetric())
    assert result.status == "failed"
    assert "KeyError: 'accuracy'" in result.message


def test_a_process_that_dies_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1.log").write_text("last words")
    programs = ("", "import sys; sys.exit(3)")
    processes = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
    with pytest.raises(ContractBroken, match="Process 1 of two ended with code 3: last words"):
        pair._wait(processes, tmp_path)
    monkeypatch.setattr(pair, "TIMEOUT", 0.1)
    hanging = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(ContractBroken, match="had not ended after"):
        pair._wait([hanging, hanging], tmp_path)
    hanging.kill()
    hanging.wait()


def test_specs_that_no_new_process_could_import_travel_by_value() -> None:
    """A plugin's module exists under a name that only this process knows."""
    name = "module_of_this_process_alone"
    module = type(sys)(name)
    exec("def factory(params, *, lr=0.1):\n    return twice(lr)", module.__dict__)
    exec("def twice(x):\n    return 2 * x", module.__dict__)
    sys.modules[name] = module
    spec = replace(broken_optimizers.spec(), factory=module.factory)
    data = pair._pickled([("replicated", spec)])
    del sys.modules[name]
    code = "import pickle, sys; ((_, s),) = pickle.load(sys.stdin.buffer); print(s.factory([]))"
    found = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, check=True
    )
    assert found.stdout.strip() == b"0.2"
