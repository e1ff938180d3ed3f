"""Schedules: their factors, and the rates that a run really steps with."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowadam.contract.quadratic import QuadraticTask
from flowadam.errors import InputError
from flowadam.schedule import SCHEDULES, Schedule
from flowadam.space import Float, Space
from flowadam.spec import OptimizerSpec
from flowadam.training import Training
from search_spaces import get

SPACE = Space((Float("opt.lr", 1e-3, 1.0, "test", log=True),))


@pytest.mark.parametrize(
    ("name", "warmup", "factors"),
    [
        ("constant", 0.0, [1, 1, 1, 1, 1]),
        ("constant", 0.5, [0.02, 0.52, 1, 1, 1]),
        ("cosine", 0.0, [1, 0.8535534, 0.5, 0.1464466, 0]),
        ("linear", 0.0, [1, 0.75, 0.5, 0.25, 0]),
        ("linear", 0.5, [0.02, 0.52, 1, 0.5, 0]),
        ("wsd", 0.0, [1, 1, 1, 1, 0]),
        ("wsd", 0.1, [0.1, 1, 1, 1, 0]),
    ],
)
def test_factors(name: str, warmup: float, factors: list[float]) -> None:
    schedule = Schedule(name, warmup)
    found = [schedule.factor(used, 100) for used in (0, 25, 50, 75, 100)]
    assert found == pytest.approx(factors, abs=1e-7)


def test_wsd_comes_down_in_the_last_fifth() -> None:
    assert [Schedule("wsd").factor(u, 100) for u in (80, 90, 95)] == pytest.approx([1, 0.5, 0.25])


@given(
    name=st.sampled_from(SCHEDULES),
    warmup=st.floats(0, 0.99),
    used=st.integers(0, 999),
    budget=st.just(1000),
)
def test_no_step_within_the_budget_has_length_zero_or_above_one(
    name: str, warmup: float, used: int, budget: int
) -> None:
    assert 0 < Schedule(name, warmup).factor(used, budget) <= 1


class Recording(torch.optim.SGD):
    """Notes the rate of every step, and evaluates twice in every third one."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, lr=lr)
        self.rates: list[float] = []

    def step(self, closure: Any = None) -> Any:
        self.rates.append(self.param_groups[0]["lr"])
        if len(self.rates) % 3 == 0:
            closure()
        return super().step(closure)


def recording(params: Any, *, lr: float) -> Recording:
    return Recording(params, lr)


def test_the_rate_follows_the_used_budget_and_not_the_steps() -> None:
    spec = OptimizerSpec("recording", recording, SPACE, {"opt.lr": 0.1}, "test")
    training = Training(
        QuadraticTask(), spec, {"opt.lr": 0.1}, [0, 1], 12, schedule=Schedule("linear")
    )
    training.advance()
    used = [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert training.optimizer.rates == pytest.approx([0.1 * (1 - u / 12) for u in used])


@pytest.mark.parametrize("name", ["flowadam", "vradam", "lbfgs", "muon", "adam"])
def test_replicas_of_one_run_have_rates_of_their_own(name: str) -> None:
    """They equal runs of their own, though a flow step may use more of one replica's budget."""
    spec, task, schedule = get(name), QuadraticTask(noise=0.3), Schedule("cosine", 0.1)
    values = spec.defaults | ({"opt.curvature_sensitivity": 1.0} if name == "flowadam" else {})

    def ends(seeds: list[int]) -> list[torch.Tensor]:
        training = Training(task, spec, values, seeds, 30, schedule=schedule)
        training.advance()
        return [p.detach().clone() for p in training.problem.params]

    together, alone = ends([3, 4]), [ends([3]), ends([4])]
    for i, p in enumerate(together):
        torch.testing.assert_close(p, torch.cat([one[i] for one in alone]), rtol=1e-5, atol=1e-7)


def test_a_saved_run_goes_on_with_its_rates() -> None:
    spec, schedule = get("adam"), Schedule("linear")

    def begin() -> Training:
        return Training(QuadraticTask(), spec, spec.defaults, [0], 20, schedule=schedule)

    whole, first, second = begin(), begin(), begin()
    whole.advance()
    first.advance(until=7)
    second.load_state_dict(first.state_dict())
    second.advance()
    for a, b in zip(whole.problem.params, second.problem.params, strict=True):
        assert torch.equal(a, b)


class NoGroups:
    """Steps, but shows no parameter groups."""

    def __init__(self, params: Any, *, lr: float) -> None: ...


def test_an_optimizer_without_groups_is_refused() -> None:
    spec = OptimizerSpec("bare", NoGroups, SPACE, {"opt.lr": 0.1}, "test")
    with pytest.raises(InputError, match="sets `lr` in param_groups, and NoGroups has none"):
        Training(QuadraticTask(), spec, {"opt.lr": 0.1}, [0], 5, schedule=Schedule("linear"))
