"""Checks of whole runs: determinism, descent, budget, failures."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from flowadam.contract.drive import BOTH_KINDS, SEEDS, require_equal, train, weights
from flowadam.contract.faults import Counting, NanFrom, RaisesAt
from flowadam.contract.quadratic import QuadraticTask
from flowadam.contract.result import require
from flowadam.contract.working import working_values
from flowadam.outcome import Outcome
from flowadam.spec import OptimizerSpec
from flowadam.task import Problem
from flowadam.trial import run_trial

DESCENT_BUDGET, DESCENT_FACTOR = 200, 0.1
BUDGETS = (1, 7, 45)
BROKEN, FIRST_NAN = 1, 20
RAISES_AT = (1, 2, 25, 26, 27)


def is_deterministic(spec: OptimizerSpec) -> None:
    """Two runs with the same seeds agree bit for bit."""
    for task in BOTH_KINDS:
        first, second = (weights(train(spec, task, 40, dtype="float32")) for _ in range(2))
        require_equal(first, second, "Two runs with the same seeds must agree bit for bit")


def descends_on_a_quadratic(spec: OptimizerSpec) -> None:
    """200 gradients from the defaults, at a learning rate of the space, divide the loss by ten."""
    for outcome in _run(spec, QuadraticTask(), DESCENT_BUDGET):
        start, end = outcome.curve[0].val, outcome.scores.val_final
        require(outcome.status == "ok", f"The run ended as {outcome.status}: {outcome.message}")
        require(
            end is not None and end < DESCENT_FACTOR * start,
            f"{DESCENT_BUDGET} gradients must divide the loss by ten, got {start:.3g} -> {end}.",
        )


def keeps_its_budget(spec: OptimizerSpec) -> None:
    """Every gradient is charged, a run uses its budget up, and no state beyond it counts."""
    for task in BOTH_KINDS:
        for budget in BUDGETS:
            seen: list[Counting] = []
            outcomes = _run(spec, replace(task, wrap=partial(_counted, seen)), budget)
            for r, outcome in enumerate(outcomes):
                _check_budget(outcome, budget, int(seen[0].evaluations[r]))


def isolates_nan(spec: OptimizerSpec) -> None:
    """A nan in one replica ends that one as "diverged" and leaves the others bit-identical."""
    for task in BOTH_KINDS:
        healthy = _run(spec, task, 60)
        broken = replace(task, wrap=partial(NanFrom, replica=BROKEN, first=FIRST_NAN))
        for r, (expected, outcome) in enumerate(zip(healthy, _run(spec, broken, 60), strict=True)):
            wanted = "diverged" if r == BROKEN else "ok"
            require(
                outcome.status == wanted,
                f"Replica {r} must end as {wanted}, got {outcome.status}: {outcome.message}",
            )
            if r != BROKEN:
                require(
                    _curve(outcome) == _curve(expected)
                    and outcome.cost.steps == expected.cost.steps,
                    f"A nan in replica {BROKEN} changed the numbers of replica {r}.",
                )


def reports_closure_errors(spec: OptimizerSpec) -> None:
    """A closure that raises, at any evaluation, ends the run as "error" with its message."""
    for task in BOTH_KINDS:
        for number in RAISES_AT:
            wrap = partial(RaisesAt, number=number)
            for outcome in _run(spec, replace(task, wrap=wrap), 60):
                require(
                    outcome.status == "error" and RaisesAt.MESSAGE in outcome.message,
                    f"A closure that raises at evaluation {number} must end the run as an error "
                    f"with its message, got {outcome.status}: {outcome.message}",
                )


def _run(spec: OptimizerSpec, task: QuadraticTask, budget: int) -> list[Outcome]:
    return run_trial(task, spec, working_values(spec), SEEDS, budget, dtype="float64")


def _counted(seen: list[Counting], problem: Problem) -> Counting:
    seen.append(Counting(problem))
    return seen[-1]


def _check_budget(outcome: Outcome, budget: int, evaluations: int) -> None:
    used, last = outcome.cost.grad_evals, outcome.curve[-1]
    require(outcome.status == "ok", f"The run ended as {outcome.status}: {outcome.message}")
    require(used == evaluations, f"{evaluations} gradients were evaluated, {used} charged.")
    require(used >= budget, f"The run stopped after {used} of {budget} gradients.")
    require(last.grad_evals <= budget, f"A state after {last.grad_evals} of {budget} counts.")
    require(outcome.scores.val_final == last.val, "val_final is not that of the last state.")


def _curve(outcome: Outcome) -> list[tuple[int, int, float]]:
    return [(point.grad_evals, point.steps, point.val) for point in outcome.curve]
