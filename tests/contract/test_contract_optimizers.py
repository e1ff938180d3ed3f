"""Every optimizer of the registry passes every optimizer check, or is exempt with a reason."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import paired
import pytest
import torch
from _pytest.mark import ParameterSet

import search_spaces
from flowadam.contract import OPTIMIZER_CHECKS, run_checks, suite, working
from flowadam.contract.drive import BOTH_KINDS, train
from flowadam.contract.nonfinite import BAD_STEPS, WHERE, Where, ending
from flowadam.contract.result import CheckSkipped, ContractBroken
from flowadam.contract.working import ordinary
from flowadam.errors import InputError

SPECS = search_spaces.all_specs()
SKIPS = {"agrees_on_gpu": not torch.cuda.is_available()}
REPORTED = ("builds_from_defaults", "names_its_sources", "is_deterministic")
HEAVY = ("keeps_memory_flat", *paired.CHECKS)
"""Checks that take a second or more of each optimizer: the libraries' are of the slow level."""


def _cases(pairs: Iterable[tuple[str, str]]) -> list[ParameterSet]:
    return [
        pytest.param(
            optimizer,
            check,
            id=f"{optimizer}-{check}",
            marks=[pytest.mark.slow] if check in HEAVY and optimizer not in paired.OURS else [],
        )
        for optimizer, check in pairs
    ]


EXEMPT = [(name, check) for name, spec in SPECS.items() for check in spec.exempt]
KEPT = [pair for pair in product(SPECS, OPTIMIZER_CHECKS) if pair not in EXEMPT]


@pytest.mark.parametrize(("optimizer", "check"), _cases(KEPT))
def test_optimizer(optimizer: str, check: str) -> None:
    _check(optimizer, check)


@pytest.mark.parametrize(
    ("optimizer", "check"), _cases(pair for pair in EXEMPT if pair[1] in OPTIMIZER_CHECKS)
)
def test_exemptions_are_needed(optimizer: str, check: str) -> None:
    """An exemption goes when the library mends its optimizer."""
    with pytest.raises(Exception) as broken:
        _check(optimizer, check)
    assert broken.type is not CheckSkipped


def _check(optimizer: str, check: str) -> None:
    try:
        if check in paired.CHECKS:
            paired.judge_pair(check, optimizer)
        else:
            OPTIMIZER_CHECKS[check](SPECS[optimizer])
    except CheckSkipped as reason:
        assert SKIPS.get(check), f"{check} must not be skipped: {reason}"
        pytest.skip(str(reason))


@pytest.mark.parametrize("optimizer", SPECS)
def test_the_rate_works(optimizer: str) -> None:
    """Runs that blow up or stand still would show little."""
    assert working._works(SPECS[optimizer], working.working_values(SPECS[optimizer]))


@pytest.mark.parametrize("optimizer", paired.OURS)
def test_ours_have_no_exemption(optimizer: str) -> None:
    assert not SPECS[optimizer].exempt


@pytest.mark.parametrize("step", BAD_STEPS)
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_flowadam_recovers_from_what_is_not_finite(bad: float, where: Where, step: int) -> None:
    """The contract lets parameters become nan, as torch's do; FlowAdam promises to go on."""
    assert ending(SPECS["flowadam"], bad, where, step) == "recovered"


def test_the_problems_make_flowadam_flow() -> None:
    """The checks above would prove little if no flow step happened in them."""
    for task in BOTH_KINDS:
        stats = train(SPECS["flowadam"], task, 20).optimizer.flow_stats()
        assert int(stats["flow_steps"].min()) >= 3
    for noisy in (False, True):
        loop = ordinary(SPECS["flowadam"], noisy=noisy)
        loop.advance(14)
        assert loop.optimizer.flow_stats()["flow_steps"] >= 2


def test_results_report_exemptions_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    def skipped(_: object) -> None:
        raise CheckSkipped("no such thing")

    checks = {name: OPTIMIZER_CHECKS[name] for name in REPORTED} | {"agrees_on_gpu": skipped}
    monkeypatch.setitem(suite._TABLES, "optimizer", checks)
    spec = replace(SPECS["adam"], source=" ", exempt={"is_deterministic": "a reason"})
    results = {result.name: result for result in run_checks("optimizer", spec)}
    assert list(results) == list(checks)
    found = {name: (result.status, result.message) for name, result in results.items()}
    assert found["builds_from_defaults"] == ("ok", "")
    assert found["is_deterministic"] == ("exempt", "a reason")
    assert found["agrees_on_gpu"] == ("skipped", "no such thing")
    assert found["names_its_sources"] == ("failed", "The spec has no source.")


def test_an_exemption_from_nothing_is_refused() -> None:
    spec = replace(SPECS["adam"], exempt={"is_determinstic": "a reason"})
    with pytest.raises(InputError, match="Did you mean 'is_deterministic'"):
        run_checks("optimizer", spec)


@pytest.mark.parametrize("check", paired.CHECKS)
def test_two_processes_find_what_is_broken(check: str) -> None:
    paired.judge_pair(check, paired.PLAIN)
    for name, finding in (
        (paired.BROKEN, "differ by|The weights of two"),
        (paired.OUT_OF_STEP, "One process is in step 2 at evaluation 2, the other in step 1"),
    ):
        with pytest.raises(ContractBroken, match=finding):
            paired.judge_pair(check, name)


def test_flowadam_decides_alike_in_two_processes() -> None:
    first, second = paired.decisions("flowadam")
    assert first == second
    assert int(first["flow_steps"]) >= 5
