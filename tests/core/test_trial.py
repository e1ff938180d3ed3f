"""One run: budget, curve, best weights, frozen replicas, failures, the locked test part."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from flowadam.contract import run_checks
from flowadam.contract.faults import Counting, NanFrom
from flowadam.contract.quadratic import QuadraticTask
from flowadam.curve import MARKS
from flowadam.outcome import Outcome
from flowadam.plan import Cell, Group
from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from flowadam.study import Study
from flowadam.task import Problem, Split
from flowadam.training import MAX_IDLE_STEPS, Training
from flowadam.trial import WARM_UP, run_group, run_seed, run_trial

ADAM = search_spaces.get("adam")
SPLIT_ADAM = replace(ADAM, stacking="split")
SEEDS = [3, 4, 5]
QUICK = {**ADAM.defaults, "opt.lr": 0.05}
LR = Float("opt.lr", 1e-3, 1.0, "a test", log=True)


class Greedy(torch.optim.Optimizer):
    """Gradient descent that evaluates replica r `costs[r]` times a step.

    Replicas that are done get nan gradients, and their weights become nan until put back.
    """

    def __init__(self, params: Any, lr: float, costs: list[int]) -> None:
        super().__init__(params, {"lr": lr})
        self.costs = torch.tensor(costs)

    @torch.no_grad()
    def step(self, closure: Callable[..., Any]) -> Any:
        for spent in range(1, int(self.costs.max())):
            closure(self.costs > spent)
        losses = closure(None)
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * p.grad
        return losses


def spec_of(factory: Callable[..., Any]) -> OptimizerSpec:
    return OptimizerSpec("test", factory, Space((LR,)), {"opt.lr": 0.1}, "a test")


def greedy(*costs: int) -> OptimizerSpec:
    return spec_of(lambda params, *, lr=0.1: Greedy(params, lr, list(costs)))


def run(spec: OptimizerSpec = ADAM, budget: int = 40, **options: Any) -> list[Outcome]:
    task = options.pop("task", QuadraticTask())
    values = options.pop("values", QUICK if spec in (ADAM, SPLIT_ADAM) else spec.defaults)
    return run_trial(task, spec, values, SEEDS, budget, dtype="float64", **options)


def curves(outcomes: list[Outcome]) -> list[list[tuple[int, int, float]]]:
    return [[(p.grad_evals, p.steps, p.val) for p in outcome.curve] for outcome in outcomes]


# --- budget -------------------------------------------------------------------------------------


@given(st.integers(1, 250), st.lists(st.integers(1, 5), min_size=3, max_size=3))
@settings(max_examples=25)
def test_the_budget_is_kept_per_replica(budget: int, costs: list[int]) -> None:
    """A replica whose step costs c makes floor(B/c) counted steps and pays for ceil(B/c)."""
    for outcome, cost in zip(run(greedy(*costs), budget), costs, strict=True):
        assert outcome.status == "ok"
        assert outcome.cost.grad_evals == -(-budget // cost) * cost
        assert outcome.cost.steps == budget // cost
        assert outcome.curve[-1].grad_evals == budget // cost * cost
        assert outcome.curve[-1].steps == budget // cost
        assert outcome.scores.val_final == outcome.curve[-1].val


@pytest.mark.parametrize(("budget", "exact"), [(10, 9), (200, 198)])
def test_an_overshooting_step_is_undone(budget: int, exact: int) -> None:
    """At three gradients a step the result is that of the last whole step.

    With a budget of 200 that state lies between two marks and must be recorded all the same.
    """
    pairs = zip(
        run(greedy(3, 3, 3), budget, phase="confirm"),
        run(greedy(3, 3, 3), exact, phase="confirm"),
        strict=True,
    )
    for over, whole in pairs:
        assert (over.cost.grad_evals, whole.cost.grad_evals) == (exact + 3, exact)
        assert over.scores == whole.scores
        assert over.scores.test_final == over.scores.val_final == over.curve[-1].val


def test_a_step_beyond_the_budget_leaves_the_start() -> None:
    for outcome in run(greedy(5, 5, 5), 3):
        assert (outcome.cost.steps, outcome.cost.grad_evals) == (0, 5)
        assert len(outcome.curve) == 1
        assert outcome.scores.val_final == outcome.scores.val_best == outcome.curve[0].val


def test_replicas_of_unequal_cost_do_not_disturb_each_other() -> None:
    """A replica that is done is put back after every later step of the others."""
    together = run(greedy(1, 2, 4), 40)
    for r, cost in enumerate((1, 2, 4)):
        alone = run(greedy(cost, cost, cost), 40)
        assert curves(together)[r] == curves(alone)[r]


def test_frozen_weights_stay() -> None:
    training = Training(QuadraticTask(), greedy(4, 1, 1), {"opt.lr": 0.1}, SEEDS, 8)
    while training.meter.live[0]:
        training.advance(int(training.meter.used.min()) + 1)
    frozen = [p.detach()[0].clone() for p in training.problem.params]
    others = [p.detach()[1].clone() for p in training.problem.params]
    assert not training.done
    training.advance()
    for p, kept, moved in zip(training.problem.params, frozen, others, strict=True):
        assert torch.equal(p.detach()[0], kept)
        assert not torch.equal(p.detach()[1], moved)


# --- curve --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("budget", "every"), [(40, 1), (200, 5), (400, 10)])
def test_a_curve_has_forty_marks(budget: int, every: int) -> None:
    for outcome in run(budget=budget):
        assert [p.fraction for p in outcome.curve] == [m / MARKS for m in range(MARKS + 1)]
        assert [p.grad_evals for p in outcome.curve] == [every * m for m in range(MARKS + 1)]


def test_a_small_budget_records_every_step() -> None:
    for outcome in run(budget=7):
        assert [p.grad_evals for p in outcome.curve] == list(range(8))
        assert outcome.curve[-1].fraction == 1


def test_a_curve_holds_the_loss_of_its_step_and_the_metric_after_it() -> None:
    """At step k the loss is that of the weights before it: the metric of point k - 1."""
    values = {**QUICK, "task.penalty": 0.0}
    for outcome in run(budget=7, values=values):
        losses = [p.loss for p in outcome.curve[1:]]
        assert losses == pytest.approx([p.val for p in outcome.curve[:-1]])


# --- best weights and the test part -------------------------------------------------------------


def test_best_weights_are_restored_for_the_test() -> None:
    """On the quadratic test and validation are one function, so the scores must agree."""
    values = {**QUICK, "opt.lr": 0.5}
    outcomes = run(values=values, phase="confirm")
    for outcome in outcomes:
        scores = outcome.scores
        assert scores.val_best == min(p.val for p in outcome.curve)
        assert (scores.test_best, scores.test_final) == (scores.val_best, scores.val_final)
    assert any(o.scores.val_best != o.scores.val_final for o in outcomes)


class Watched(Counting):
    """Writes down which split was read."""

    def __init__(self, problem: Problem, read: list[Split]) -> None:
        super().__init__(problem)
        self._read = read

    def evaluate(self, split: Split) -> Mapping[str, torch.Tensor]:
        self._read.append(split)
        return super().evaluate(split)


@pytest.mark.parametrize(("phase", "reads"), [("search", 0), ("confirm", 2), ("inclusion", 2)])
def test_the_test_part_is_read_at_the_end_of_a_confirm_run_only(phase: str, reads: int) -> None:
    read: list[Split] = []
    outcomes = run(task=QuadraticTask(wrap=partial(Watched, read=read)), phase=phase)
    assert read.count("test") == reads
    assert read[len(read) - reads :] == ["test"] * reads
    for outcome in outcomes:
        assert (outcome.scores.test_best is not None) == bool(reads)


@pytest.mark.parametrize(("phase", "budgets"), [("confirm", [40]), ("timing", [WARM_UP, 40])])
def test_a_timed_run_is_warmed_up_and_is_the_same(
    phase: str, budgets: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []

    def watched(*args: Any, **options: Any) -> list[Outcome]:
        ran.append(args[4])
        return run_trial(*args, **options)

    monkeypatch.setattr("flowadam.trial.run_trial", watched)
    study = Study(task=("quadratic",), optimizer=("adam",))
    group = Group(phase, Cell("quadratic", "adam", 40), 0, (0,))
    (found,) = run_group(study, QuadraticTask(), ADAM, group, QUICK)
    assert ran == budgets
    (alone,) = run_trial(QuadraticTask(), ADAM, QUICK, [run_seed(0, 0)], 40)
    assert found.scores.val_best == alone.scores.val_best


def test_the_test_part_is_locked_in_the_search() -> None:
    """Whoever asks for it gets an error row, not a number."""

    class Curious(Counting):
        def begin_step(self, k: int) -> None:
            self.evaluate("test")

    for outcome in run(task=QuadraticTask(wrap=Curious)):
        assert outcome.status == "error"
        assert "TestSplitLocked" in outcome.message


# --- failures -----------------------------------------------------------------------------------


def test_a_time_limit_ends_a_run_with_what_it_has() -> None:
    class Slow(Counting):
        def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
            time.sleep(0.02)
            return super().closure(active)

    for outcome in run(task=QuadraticTask(wrap=Slow), budget=10_000, time_limit=0.3):
        assert outcome.status == "timeout"
        assert outcome.message == "The time limit of 0.3 s has passed."
        assert outcome.scores.val_best is not None
        assert outcome.scores.val_final is None
        assert 0 < outcome.cost.grad_evals < 100
        assert outcome.cost.seconds * len(SEEDS) < 10


def test_a_diverged_replica_keeps_its_best_and_has_no_final_value() -> None:
    outcomes = run(task=QuadraticTask(wrap=partial(NanFrom, replica=1, first=20)))
    assert [o.status for o in outcomes] == ["ok", "diverged", "ok"]
    broken = outcomes[1]
    assert broken.scores.val_final is None
    assert broken.scores.val_best == min(p.val for p in broken.curve if p.val == p.val)
    assert broken.cost.grad_evals == 20
    assert "finite" in broken.message


def test_a_metric_that_leaves_the_finite_range_counts_as_divergence() -> None:
    class NanMetric(Counting):
        def evaluate(self, split: Split) -> Mapping[str, torch.Tensor]:
            values = super().evaluate(split)["loss"].clone()
            values[2] = torch.nan if self.evaluations[2] >= 10 else values[2]
            return {"loss": values}

    outcomes = run(task=QuadraticTask(wrap=NanMetric))
    assert [o.status for o in outcomes] == ["ok", "ok", "diverged"]
    assert outcomes[2].cost.grad_evals == 10


def test_an_optimizer_that_never_evaluates_is_an_error() -> None:
    class Idle(Greedy):
        def step(self, closure: Callable[..., Any]) -> Any:
            return torch.zeros(len(SEEDS))

    for outcome in run(spec_of(lambda params, *, lr=0.1: Idle(params, lr, [1, 1, 1]))):
        assert outcome.status == "error"
        assert f"{MAX_IDLE_STEPS} steps in a row evaluated no gradient." in outcome.message
        assert outcome.cost.grad_evals == 0


def test_what_cannot_be_built_is_an_error_row_per_seed() -> None:
    outcomes = run(values={**QUICK, "opt.lr": -1.0})
    assert [(o.seed, o.status) for o in outcomes] == [(seed, "error") for seed in SEEDS]
    assert all("ValueError: Invalid learning rate: -1.0" in o.message for o in outcomes)


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run(budget=3)
        run(budget=3, values={**QUICK, "opt.lr": -1.0})
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# --- split stacking -----------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_split_equals_elementwise(noise: float) -> None:
    task = QuadraticTask(noise=noise)
    assert curves(run(SPLIT_ADAM, task=task)) == curves(run(ADAM, task=task))


@pytest.mark.slow
def test_split_keeps_the_whole_contract() -> None:
    unkept = {"failed", "exempt"}
    assert not [r for r in run_checks("optimizer", SPLIT_ADAM) if r.status in unkept]


@dataclass
class Steps:
    """Counts the steps that each replica's optimizer makes."""

    made: list[int] = field(default_factory=list)

    def factory(self, params: Any, *, lr: float = 0.1) -> torch.optim.Optimizer:
        replica = len(self.made)
        self.made.append(0)
        optimizer = torch.optim.SGD(params, lr=lr)

        def count(*_: Any) -> None:
            self.made[replica] += 1

        optimizer.register_step_post_hook(count)
        return optimizer


def test_split_leaves_replicas_alone_that_are_done() -> None:
    steps = Steps()
    task = QuadraticTask(wrap=partial(NanFrom, replica=1, first=10))
    outcomes = run(replace(spec_of(steps.factory), stacking="split"), task=task)
    assert [o.status for o in outcomes] == ["ok", "diverged", "ok"]
    assert steps.made == [40, 10, 40]
