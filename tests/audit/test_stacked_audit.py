"""Problems with data of their own behind one stack, and budgets that count steps."""

from __future__ import annotations

import pytest
import torch

from flowadam.audit.fresh import AuditTask
from flowadam.space import Values
from flowadam.trial import run_trial
from search_spaces import get
from trainables.completion.matrix_completion import small
from trainables.small.coupling import coupling_quadratic

TASK = small().tiny()
SEEDS = (3, 4, 5)


def test_a_stack_is_its_parts() -> None:
    """Losses, gradients and metrics are those of each seed's own task."""
    joined = AuditTask(TASK, True, "gradients").make(SEEDS, penalty=0.1, test_unlocked=True)
    losses, scores = joined.closure(), joined.evaluate("test")["rmse"]
    for r, seed in enumerate(SEEDS):
        alone = AuditTask(TASK, True, "gradients").drawn(seed)
        problem = alone.make([seed], penalty=0.1, test_unlocked=True)
        assert torch.equal(losses[r : r + 1], problem.closure())
        assert torch.equal(scores[r : r + 1], problem.evaluate("test")["rmse"])
        for p, own in zip(joined.params, problem.params, strict=True):
            assert p.grad is not None and own.grad is not None
            assert torch.equal(p.grad[r], own.grad[0])


def test_seeds_draw_their_own_data() -> None:
    task = AuditTask(coupling_quadratic(), True, "gradients")
    fixed = AuditTask(coupling_quadratic(), False, "gradients")
    assert task.drawn(1).fingerprint() != task.drawn(2).fingerprint()
    assert fixed.drawn(1).fingerprint() == fixed.drawn(2).fingerprint()


def test_rules_are_in_the_fingerprint() -> None:
    tasks = [
        AuditTask(TASK, fresh, charged, measured)
        for fresh in (True, False)
        for charged in ("gradients", "steps")
        for measured in ("", "other")
    ]
    assert len({task.fingerprint() for task in tasks}) == len(tasks)


@pytest.mark.parametrize("seeds", [SEEDS, SEEDS[:1]])
@pytest.mark.parametrize("method", ["dopri5", "ladder"])
def test_steps_are_charged_and_gradients_are_told(method: str, seeds: tuple[int, ...]) -> None:
    """A budget of 40 steps is 40 steps for everybody, and every evaluation is counted."""
    task, spec = AuditTask(TASK, True, "steps"), get("flowadam")
    values: Values = {**spec.defaults, "opt.lr": 0.01, "opt.ode_method": method}
    for outcome in run_trial(task, spec, values, seeds, 40):
        assert outcome.status == "ok"
        assert outcome.cost.steps == 40
        assert outcome.curve[-1].grad_evals == 40
        if method == "dopri5":
            assert outcome.counters.flow_steps > 0
            assert outcome.cost.grad_evals == 40 + outcome.counters.field_evals


def test_gradients_are_charged_where_the_claim_says_so() -> None:
    task, spec = AuditTask(TASK, True, "gradients"), get("flowadam")
    values = {**spec.defaults, "opt.lr": 0.01, "opt.ode_method": "dopri5"}
    (outcome,) = run_trial(task, spec, values, SEEDS[:1], 40)
    assert outcome.cost.steps < 40 <= outcome.cost.grad_evals


def test_stacked_runs_are_single_runs() -> None:
    task, spec = AuditTask(TASK, True, "steps"), get("adam")
    stacked = run_trial(task, spec, spec.defaults, SEEDS, 20)
    single = [run_trial(task, spec, spec.defaults, [seed], 20)[0] for seed in SEEDS]
    assert [o.scores for o in stacked] == [o.scores for o in single]
