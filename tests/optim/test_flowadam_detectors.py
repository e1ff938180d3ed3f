"""What asks for a flow step."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from optim_problems import Factorization, Quadratic, copies, equal, train
from torch import Tensor

from flowadam.optim import FlowAdam, Sight
from flowadam.optim.detector import DETECTORS, scheduled

LR = 0.02


def flags(opt: FlowAdam, problem: Quadratic, steps: int) -> list[bool]:
    found = []
    for _ in range(steps):
        before = opt.flow_stats()["flow_steps"]
        opt.step(problem.closure)
        found.append(opt.flow_stats()["flow_steps"] > before)
    return found


def test_second_moment_makes_the_published_tests_on_adams_moments() -> None:
    """Decisions by hand: n = |sqrt(v)|, c = |sqrt(2 (v - m^2)+)|, both bias-corrected."""
    problem = Quadratic()
    sigma, kappa = 0.95, 1.02
    options = {"switch_sensitivity": sigma, "curvature_sensitivity": kappa}
    opt = FlowAdam(problem.params, lr=LR, detector="second_moment", **options)
    averages: list[float] = []
    expected = []
    for k in range(80):
        now: list[float] = []
        if k:
            n2 = c2 = 0.0
            for p in problem.params:
                own, t = opt.state[p], opt.state[p]["step"][0]
                v = own["exp_avg_sq"] / (1 - 0.999**t)
                m = own["exp_avg"] / (1 - 0.9**t)
                n2 += float(v.sum())
                c2 += float((2 * (v - m**2)).clamp(min=0).sum())
            now = [math.sqrt(n2), math.sqrt(c2)]
            averages = [0.9 * a + 0.1 * x for a, x in zip(averages or now, now, strict=True)]
        flows = k > 10 and (now[0] < sigma * averages[0] or now[1] > kappa * averages[1])
        expected.append(flows)
        assert flags(opt, problem, 1) == [flows], k
    assert 5 < sum(expected) < 60
    stats = opt.flow_stats()
    assert stats["plateau_triggers"] + stats["stiffness_triggers"] >= stats["flow_steps"]


def test_triggers_are_counted_by_the_test_that_asked() -> None:
    """A threshold that is always met counts at every step from the twelfth on, the other never."""
    for own, name in (
        ({"switch_sensitivity": 1e9, "curvature_sensitivity": math.inf}, "plateau_triggers"),
        ({"switch_sensitivity": 0.0, "curvature_sensitivity": 0.0}, "stiffness_triggers"),
    ):
        problem = Quadratic()
        opt = FlowAdam(problem.params, lr=LR, **own)
        train(opt, problem.closure, 30)
        stats = opt.flow_stats()
        assert {k: v for k, v in stats.items() if k.endswith("triggers") and v} == {name: 19}


@pytest.mark.parametrize("name", ["random", "periodic"])
@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_schedules_flow_at_their_rate(name: str, rate: float) -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=LR, detector=name, rate=rate, detector_seed=7)
    found = flags(opt, problem, 60)
    assert found == [k > 10 and scheduled(name, rate, 7, k) for k in range(60)]
    assert opt.flow_stats()["plateau_triggers"] == 0


@given(rate=st.floats(0, 1), start=st.integers(0, 1000))
def test_periodic_steps_are_spread_evenly(rate: float, start: int) -> None:
    """In any window of n steps there are rate n flows, up to one."""
    n = 200
    count = sum(scheduled("periodic", rate, 0, k) for k in range(start, start + n))
    assert abs(count - rate * n) <= 1 + 1e-9


def test_random_steps_are_as_many_as_their_rate_says() -> None:
    """400 draws at rate .3: a count outside 120 +- 5 standard deviations would be a wrong rate."""
    count = sum(scheduled("random", 0.3, 1, k) for k in range(400))
    assert abs(count - 120) < 5 * math.sqrt(400 * 0.3 * 0.7)
    assert [scheduled("random", 0.5, 1, k) for k in range(99)] != [
        scheduled("random", 0.5, 2, k) for k in range(99)
    ]


def test_random_draws_leave_the_global_generators_alone() -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=LR, detector="random")
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    train(opt, problem.closure, 20)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["never", "second_moment", "random", "periodic"])
def test_detectors_that_compare_no_gradients_keep_none(name: str) -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=LR, detector=name)
    train(opt, problem.closure, 30)
    assert all(opt.state[p]["grad_prev"] == [None] for p in problem.params)
    assert (opt.flow_stats()["flow_steps"] == 0) == (name == "never")


def test_never_is_adam_bit_for_bit() -> None:
    problem, twin = Quadratic(), Quadratic()
    opt = FlowAdam(problem.params, lr=LR, detector="never", eps_placement="torch")
    adam = torch.optim.Adam(twin.params, lr=LR, fused=True)
    train(opt, problem.closure, 50)
    for _ in range(50):
        adam.step(twin.closure)
    assert equal(problem.params, copies(twin.params))


def test_a_function_of_what_is_seen_may_decide() -> None:
    """It sees what the published test sees, so the same rule gives the same run."""
    seen: list[Sight] = []

    def mine(sight: Sight) -> bool:
        seen.append(sight)
        return sight.grad_norm < 0.9 * sight.grad_ema or sight.change_norm > 0.1 * sight.change_ema

    problem, twin = Quadratic(), Quadratic()
    opt = FlowAdam(problem.params, lr=LR, detector=mine)
    train(opt, problem.closure, 40)
    other = FlowAdam(twin.params, lr=LR)
    train(other, twin.closure, 40)
    assert equal(problem.params, copies(twin.params))
    assert [sight.step for sight in seen] == list(range(11, 40))
    assert opt.flow_stats()["flow_steps"] == other.flow_stats()["flow_steps"] > 5


def test_a_function_is_given_once_for_all_groups() -> None:
    params = [torch.zeros(2).requires_grad_() for _ in range(2)]
    opt = FlowAdam(params[:1], detector=lambda sight: True)
    with pytest.raises(ValueError, match="given to the constructor"):
        opt.add_param_group({"params": params[1:], "detector": "never"})
    with pytest.raises(ValueError, match="`detector` must be one of"):
        FlowAdam(params, detector="gradient-norm")


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("more", [{}, {"clip_mode": "global_norm", "clip_value": 1e-3}])
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_a_stack_equals_its_replicas_whatever_detects(
    name: str, more: dict[str, Any], power: float
) -> None:
    options = {"lr": LR, "detector": name, "rate": 0.4, "precond_power": power, **more}
    seeds = [1, 2, 3]
    problem = Factorization(seeds)
    opt = FlowAdam(problem.params, stacked=True, **options)
    train(opt, problem.closure, 60)
    for r, seed in enumerate(seeds):
        single = Factorization([seed], stacked=False)
        alone = FlowAdam(single.params, **options)
        train(alone, single.closure, 60)
        assert equal([p[r] for p in problem.params], copies(single.params))
        counts = {key: values[r].item() for key, values in opt.flow_stats().items()}
        assert counts == alone.flow_stats()


@pytest.mark.parametrize("name", DETECTORS)
def test_runs_continue_from_their_state(name: str) -> None:
    problem, twin = Quadratic(), Quadratic()
    opt = FlowAdam(problem.params, lr=LR, detector=name)
    train(opt, problem.closure, 25)
    other = FlowAdam(twin.params, lr=LR, detector=name)
    other.load_state_dict(opt.state_dict())
    with torch.no_grad():
        for p, q in zip(twin.params, problem.params, strict=True):
            p.copy_(q)
    train(opt, problem.closure, 25)
    train(other, twin.closure, 25)
    assert equal(problem.params, copies(twin.params))
    assert opt.flow_stats() == other.flow_stats()


def test_gradients_that_are_not_finite_change_nothing() -> None:
    for name in DETECTORS:
        problem = Quadratic()
        opt = FlowAdam(problem.params, lr=LR, detector=name, rate=1.0)
        train(opt, problem.closure, 15)
        before, stats = copies(problem.params), opt.flow_stats()

        def closure(problem: Quadratic = problem) -> Tensor:
            loss = problem.closure()
            assert problem.params[0].grad is not None
            problem.params[0].grad.fill_(math.nan)
            return loss

        opt.step(closure)
        assert equal(problem.params, before)
        assert opt.flow_stats() == stats


def test_a_function_is_not_lost_in_a_checkpoint() -> None:
    """Loading into an optimizer without it, or with one too many, would change the decisions."""
    one, other = Quadratic(), Quadratic()
    mine = FlowAdam(one.params, detector=lambda sight: True)
    plain = FlowAdam(other.params)
    for source, target in ((mine, plain), (plain, mine)):
        with pytest.raises(ValueError, match="not part of the state"):
            target.load_state_dict(source.state_dict())


@pytest.mark.parametrize("answer", [None, "yes", math.nan, 1])
def test_a_function_must_answer_yes_or_no(answer: Any) -> None:
    problem = Quadratic()
    opt = FlowAdam(problem.params, lr=LR, detector=lambda sight: answer)
    train(opt, problem.closure, 11)
    with pytest.raises(TypeError, match="must return True or False"):
        opt.step(problem.closure)
