"""Runs that take second derivatives or several evaluations a step: charged, seeded, refused."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
import torch

import search_spaces
import trainables
from flowadam.contract.faults import Counting
from flowadam.contract.quadratic import QuadraticTask
from flowadam.errors import InputError
from flowadam.outcome import Outcome
from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from flowadam.task import Problem
from flowadam.training import Training
from flowadam.trial import run_trial

SECOND_ORDER = ("adahessian", "sophiah")
SEVERAL = (*SECOND_ORDER, "lbfgs")
SEEDS = [3, 4, 5]
NOISY = QuadraticTask(noise=0.1)


def run(name: str, task: Any, budget: int, seeds: list[int] = SEEDS) -> list[Outcome]:
    spec = search_spaces.get(name)
    return run_trial(task, spec, spec.defaults, seeds, budget, dtype="float64")


def vals(outcome: Outcome) -> list[tuple[int, float]]:
    return [(point.grad_evals, point.val) for point in outcome.curve]


# --- cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "budget", "used", "steps"),
    [
        ("adahessian", 40, 40, 20),
        ("adahessian", 41, 42, 20),
        ("sophiah", 22, 22, 20),
        ("sophiah", 23, 24, 20),
        ("sophiah", 24, 24, 21),
    ],
)
def test_products_are_charged_and_the_step_beyond_is_undone(
    name: str, budget: int, used: int, steps: int
) -> None:
    """AdaHessian pays two gradients a step, SophiaH one and a second one in steps 1, 11, 21 ..."""
    for outcome in run(name, NOISY, budget):
        assert (outcome.cost.grad_evals, outcome.cost.steps) == (used, steps)
        assert outcome.curve[-1].grad_evals <= budget


@pytest.mark.parametrize("budget", [9, 50])
@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("task", ["digits_mlp", "matrix_completion_small", "quadratic"])
def test_charged_is_what_was_evaluated(name: str, task: str, budget: int) -> None:
    """Counted by the problem itself, on the way back to the parameters."""
    found: list[Counting] = []

    def counted(problem: Problem) -> Counting:
        found.append(Counting(problem))
        return found[-1]

    inner = NOISY if task == "quadratic" else trainables.get(task).tiny()
    outcomes = run(name, Wrapped(inner, counted), budget)
    assert [o.status for o in outcomes] == ["ok"] * 3, outcomes[0].message
    assert [o.cost.grad_evals for o in outcomes] == found[0].evaluations.tolist()


class Wrapped:
    """A task whose problems are wrapped."""

    def __init__(self, task: Any, wrap: Callable[[Problem], Problem]) -> None:
        self._task, self._wrap = task, wrap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def make(self, *seeds: Any, **options: Any) -> Problem:
        return self._wrap(self._task.make(*seeds, **options))


# --- random numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_replicas_do_not_depend_on_their_block(name: str) -> None:
    block = run(name, NOISY, 60)
    for seed, outcome in zip(SEEDS, block, strict=True):
        (alone,) = run(name, NOISY, 60, [seed])
        assert vals(alone) == vals(outcome)


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_the_users_generator_is_neither_read_nor_moved(name: str) -> None:
    torch.manual_seed(1)
    first, state = run(name, NOISY, 60), torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert [vals(o) for o in run(name, NOISY, 60)] == [vals(o) for o in first]


def _noise(params: Any, *, lr: float = 0.1) -> Noise:
    return Noise(params, lr)


class Noise(torch.optim.Optimizer):
    """Adds normal numbers from the global generator, and nothing else."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:
        loss = closure()
        for p in self.param_groups[0]["params"]:
            p += self.param_groups[0]["lr"] * torch.randn_like(p)
        return loss


LR = Float("opt.lr", 1e-3, 1.0, "a test", log=True)
NOISE = OptimizerSpec("noise", _noise, Space((LR,)), {"opt.lr": 0.1}, "a test", stacking="split")


def test_every_step_of_every_run_draws_its_own_numbers() -> None:
    """Not the same ones in each replica, nor in each step, and the same ones after a restart."""
    training = Training(QuadraticTask(), NOISE, NOISE.defaults, SEEDS, 100, dtype="float64")
    points = [training.problem.params[0].detach().clone()]
    for until in (1, 2):
        training.advance(until)
        points.append(training.problem.params[0].detach().clone())
    moves = torch.stack([b - a for a, b in pairwise(points)]).flatten(0, 1)
    assert len({tuple(move.tolist()) for move in moves.round(decimals=6)}) == len(moves)
    saved = deepcopy(training.state_dict())
    training.advance(4)
    other = Training(QuadraticTask(), NOISE, NOISE.defaults, SEEDS, 100, dtype="float64")
    other.load_state_dict(saved)
    other.advance(4)
    assert torch.equal(other.problem.params[0], training.problem.params[0])


def test_the_generator_is_back_after_a_step_that_raises() -> None:
    def broken() -> Any:
        torch.rand(3)
        raise RuntimeError("on purpose")

    training = Training(QuadraticTask(), NOISE, NOISE.defaults, SEEDS, 100)
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="on purpose"):
        training.optimizer.step(lambda active: broken())
    assert torch.equal(torch.get_rng_state(), state)


# --- graphs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_no_graph_outlives_its_step(name: str) -> None:
    """Every gradient is gone when its step ends, without the help of the garbage collector."""
    spec = search_spaces.get(name)
    training = Training(QuadraticTask(), spec, spec.defaults, [0], 10_000)
    seen: list[weakref.ref[torch.Tensor]] = []
    inner = training.meter.differentiate

    def watched(replica: int, leaves: Any) -> torch.Tensor:
        loss = inner(replica, leaves)
        seen.extend(weakref.ref(leaf.grad) for leaf in leaves)
        return loss

    training.optimizer._differentiate = watched
    gc.disable()
    try:
        training.advance(400)
    finally:
        gc.enable()
    assert len(seen) == 2 * training.steps[0] >= 400
    assert sum(ref() is not None for ref in seen) == 0


# --- refusals -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opaque:
    """A problem that has a closure only."""

    problem: Any

    def __getattr__(self, name: str) -> Any:
        if name == "losses":
            raise AttributeError(name)
        return getattr(self.problem, name)


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_a_problem_without_losses_is_refused(name: str) -> None:
    task = replace(QuadraticTask(), wrap=Opaque)
    spec = search_spaces.get(name)
    sentence = f"{name} takes second derivatives, so .* `losses` .* that of quadratic has none"
    with pytest.raises(InputError, match=sentence):
        Training(task, spec, spec.defaults, [0], 10)
    (outcome,) = run(name, task, 10, [0])
    assert (outcome.status, outcome.cost.grad_evals) == ("error", 0)
    assert "that of quadratic has none" in outcome.message


def test_a_graph_needs_one_optimizer_per_replica() -> None:
    with pytest.raises(InputError, match=r'noise has needs_graph.* stacking="split" only'):
        replace(NOISE, needs_graph=True, stacking="elementwise")


def test_first_order_optimizers_run_on_any_problem() -> None:
    for name in ("muon", "lbfgs", "adam"):
        outcomes = run(name, replace(QuadraticTask(), wrap=Opaque), 10)
        assert {outcome.status for outcome in outcomes} == {"ok"}
