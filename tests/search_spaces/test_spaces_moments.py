"""The spaces of VRAdam, InvAdam and DualAdam: what they contain, and that their knobs act."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import search_spaces
import trainables
from flowadam.contract.quadratic import QuadraticTask
from flowadam.outcome import CurvePoint
from flowadam.space import Values
from flowadam.spec import Inclusion
from flowadam.training import Training
from flowadam.trial import run_trial

CONTAINERS = ("vradam", "dualadam")
INCLUSIONS = [
    (name, inclusion) for name in CONTAINERS for inclusion in search_spaces.get(name).includes
]


@pytest.mark.parametrize(
    ("name", "inclusion"), INCLUSIONS, ids=[f"{name} as {i.other}" for name, i in INCLUSIONS]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_container_is_what_it_contains(name: str, inclusion: Inclusion, dtype: str) -> None:
    """Bit for bit, at any point of the contained space whose rate suits the problem."""
    container, other = (search_spaces.get(n) for n in (name, inclusion.other))
    for u in (0.2, 0.5, 0.9):
        point = other.space.from_unit(dict.fromkeys(other.space.names, u))
        point["opt.lr"] = 0.05
        contained = _curves(name, {**container.defaults, **point, **inclusion.overrides}, dtype)
        assert contained == _curves(other.name, point, dtype)
        assert contained != _curves(name, {**container.defaults, **point}, dtype)


@pytest.mark.parametrize("name", CONTAINERS)
def test_shared_knobs_have_the_ranges_of_what_is_contained(name: str) -> None:
    ours = {p.name: p for p in search_spaces.get(name).space}
    for inclusion in search_spaces.get(name).includes:
        for p in search_spaces.get(inclusion.other).space:
            assert ours[p.name] == p or p.source.startswith("deviates")


def test_the_first_inclusion_of_each_is_here_to_stay() -> None:
    """Stored rows of the first one have no name of the contained optimizer in their keys."""
    firsts = {name: search_spaces.get(name).includes[0].other for name in CONTAINERS}
    assert firsts == {"vradam": "adamw", "dualadam": "adam"}


@pytest.mark.parametrize("task", ["digits_mlp", "photo_completion"])
def test_the_brake_is_off_at_one_end_of_its_range_and_full_at_the_other(task: str) -> None:
    spec = search_spaces.get("vradam")
    knob = next(p for p in spec.space if p.name == "opt.beta3")
    lowest = []
    for u in (0.0, 1.0):
        values = {**spec.defaults, "opt.lr": 0.01, "opt.beta3": knob.from_unit(u)}
        lowest.append(_lowest_rate(task, values) / 0.01)
    assert lowest[0] > 0.95
    assert lowest[1] == pytest.approx(1 / 11, rel=0.01)


@pytest.mark.parametrize(("task", "rate"), [("digits_mlp", 1e2), ("photo_completion", 1e7)])
def test_rates_of_invadam_are_those_of_one_loss_scale(task: str, rate: float) -> None:
    """A hundredth of a good rate does nearly nothing, and both lie in the space."""
    spec = search_spaces.get("invadam")
    falls = []
    for lr in (rate / 100, rate):
        values = {**spec.defaults, "opt.lr": lr}
        spec.space.validate(values | {"opt.weight_decay": 1e-4})
        (outcome,) = run_trial(trainables.get(task), spec, values, [0], 100)
        assert outcome.scores.val_best is not None
        falls.append(1 - outcome.scores.val_best / outcome.curve[0].val)
    assert falls[1] > 0.5 and falls[1] > 1.5 * falls[0]


def _curves(name: str, values: Values, dtype: str) -> list[tuple[CurvePoint, ...]]:
    torch.manual_seed(0)
    spec = search_spaces.get(name)
    outcomes = run_trial(QuadraticTask(noise=0.1), spec, values, [0, 1], 40, dtype=dtype)
    # The loss of the first point is nan, which equals nothing.
    return [outcome.curve[1:] for outcome in outcomes]


def _lowest_rate(task: str, values: Values) -> float:
    training = Training(trainables.get(task), search_spaces.get("vradam"), values, [0], 60)
    optimizer: Any = training.optimizer
    rates = []
    for until in range(10, 61, 10):
        training.advance(until)
        rates.append(float(optimizer.effective_rate().min()))
    return min(rates)
