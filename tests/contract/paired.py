"""Pairs of processes for the tests: one trains ours and what is broken, one the libraries'."""

from __future__ import annotations

from functools import cache

import broken_in_loops
import broken_optimizers

import search_spaces
from flowadam.contract.pair import Seen, Wrapper, run_pair
from flowadam.contract.processes import judge
from flowadam.spec import OptimizerSpec

CHECKS: dict[str, Wrapper] = {
    "agrees_across_processes": "replicated",
    "refuses_or_trains_sharded_parameters": "sharded",
}
OURS = ("flowadam", "flowadam_p", "vradam", "invadam", "dualadam")
PLAIN, BROKEN, OUT_OF_STEP = "plain descent", "broken", "out of step"


def judge_pair(check: str, name: str) -> None:
    """Raise ContractBroken unless the optimizer `name` keeps the contract in two processes."""
    own = name in (*OURS, PLAIN, BROKEN, OUT_OF_STEP)
    judge((CHECKS[check], _subjects(check, own)[name]), _seen(own)[check, name])


def decisions(name: str) -> list[dict[str, str]]:
    """Return what FlowAdam counted in each of the two processes."""
    return [seen["decisions"] for seen in _seen(True)["agrees_across_processes", name]]


@cache
def _seen(own: bool) -> dict[tuple[str, str], Seen]:
    jobs = {(check, name): spec for check in CHECKS for name, spec in _subjects(check, own).items()}
    found = run_pair([(CHECKS[check], spec) for (check, _), spec in jobs.items()])
    return dict(zip(jobs, found, strict=True))


def _subjects(check: str, own: bool) -> dict[str, OptimizerSpec]:
    specs = {k: spec for k, spec in search_spaces.all_specs().items() if (k in OURS) == own}
    tests = {
        PLAIN: broken_optimizers.spec(),
        BROKEN: broken_in_loops.BROKEN_IN_LOOPS[check],
        OUT_OF_STEP: broken_optimizers.spec(broken_in_loops.OutOfStep),
    }
    return specs | tests if own else specs
