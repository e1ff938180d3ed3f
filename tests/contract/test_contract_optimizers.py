"""Every optimizer of the registry passes every optimizer check, or is exempt with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import search_spaces
from flowadam.contract import OPTIMIZER_CHECKS, run_checks
from flowadam.contract.drive import BOTH_KINDS, train
from flowadam.contract.result import run_table
from flowadam.errors import InputError

SPECS = search_spaces.all_specs()
OURS = ("flowadam",)
EXEMPTIONS = [(name, check) for name, spec in SPECS.items() for check in spec.exempt]


@pytest.mark.parametrize(("name", "check"), OPTIMIZER_CHECKS.items(), ids=OPTIMIZER_CHECKS)
@pytest.mark.parametrize("optimizer", SPECS)
def test_optimizer(optimizer: str, name: str, check: Callable[..., None]) -> None:
    spec = SPECS[optimizer]
    if name not in spec.exempt:
        check(spec)


@pytest.mark.parametrize(("optimizer", "check"), EXEMPTIONS)
def test_exemptions_are_needed(optimizer: str, check: str) -> None:
    """An exemption goes when the library mends its optimizer."""
    (result,) = run_table({check: OPTIMIZER_CHECKS[check]}, SPECS[optimizer], exempt={})
    assert result.status == "failed"


@pytest.mark.parametrize("optimizer", OURS)
def test_ours_have_no_exemption(optimizer: str) -> None:
    assert not SPECS[optimizer].exempt


def test_the_quadratic_makes_flowadam_flow() -> None:
    """The checks above would prove little if no flow step happened in them."""
    for task in BOTH_KINDS:
        stats = train(SPECS["flowadam"], task, 25).optimizer.flow_stats()  # type: ignore
        assert int(stats["flow_steps"].min()) >= 3


def test_results_report_exemptions_and_failures() -> None:
    spec = replace(SPECS["adam"], source=" ", exempt={"is_deterministic": "a reason"})
    results = {result.name: result for result in run_checks("optimizer", spec)}
    assert list(results) == list(OPTIMIZER_CHECKS)
    assert (results["is_deterministic"].status, results["is_deterministic"].message) == (
        "exempt",
        "a reason",
    )
    failed = [name for name, result in results.items() if result.status == "failed"]
    assert failed == ["names_its_sources"]
    assert results["names_its_sources"].message == "The spec has no source."


def test_an_exemption_from_nothing_is_refused() -> None:
    spec = replace(SPECS["adam"], exempt={"is_determinstic": "a reason"})
    with pytest.raises(InputError, match="Did you mean 'is_deterministic'"):
        run_checks("optimizer", spec)
