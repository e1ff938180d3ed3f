"""The meter counts where gradients are evaluated, per replica."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowadam.contract.faults import Counting
from flowadam.contract.quadratic import QuadraticTask
from flowadam.meter import GradMeter, TimeLimitReached

R = 3
MASKS = st.one_of(st.none(), st.lists(st.booleans(), min_size=R, max_size=R))


def _meter() -> tuple[GradMeter, Counting]:
    problem = Counting(QuadraticTask().make(range(R)))
    return GradMeter(problem), problem


@given(st.lists(st.tuples(MASKS, st.lists(st.booleans(), min_size=R, max_size=R)), max_size=6))
def test_charged_is_what_was_evaluated(calls: list[tuple[list[bool] | None, list[bool]]]) -> None:
    """Whatever is asked for and whoever is live: live and asked for is evaluated and charged."""
    meter, problem = _meter()
    expected = torch.zeros(R, dtype=torch.int64)
    for active, live in calls:
        meter.live.copy_(torch.tensor(live))
        meter.closure(None if active is None else torch.tensor(active))
        expected += torch.tensor(live) & torch.tensor([True] * R if active is None else active)
    assert torch.equal(meter.used, expected)
    assert torch.equal(problem.evaluations, expected)


def test_losses_pass_through() -> None:
    meter, problem = _meter()
    assert torch.equal(meter.closure(), problem.closure())


def test_a_passed_limit_stops_the_next_evaluation() -> None:
    meter = GradMeter(QuadraticTask().make([0]), time_limit=1e-9)
    with pytest.raises(TimeLimitReached):
        meter.closure()
    assert meter.used.tolist() == [0]
