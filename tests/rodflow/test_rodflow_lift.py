"""The lift is exact where the map is linear in the gradient, and knows no sign of the rod."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rodflow_tools import LINEAR, NAMES, bowl, iterates, tensor, usual
from torch import Tensor

from flowadam.rodflow import AlternatingRod, Gradients, MatrixRod, State, start
from flowadam.rodflow.alternating import Lift, floored
from flowadam.rodflow.matrix import Spread
from flowadam.rodflow.stable import Drift
from flowadam.rodflow.states import Rod

vectors = st.lists(st.floats(-2, 2), min_size=3, max_size=3).map(lambda values: tensor(*values))


def rod_of(name: str, w: Tensor, x: Tensor) -> Rod:
    """Return a rod in general position."""
    gradients, one = Gradients(bowl), usual(name)
    first = start(one, gradients, w)
    m = 0.3 * w if one.has_momentum else first.m
    x_m = 0.7 * x if one.has_momentum else first.m
    return Rod(w, m, first.nu + 0.1, x, x_m)


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=5)
@given(w=vectors, x=vectors)
def test_the_lift_reproduces_the_iterates_from_any_split(name: str, w: Tensor, x: Tensor) -> None:
    rod, one = rod_of(name, w, x), usual(name)
    lift = Lift(one, Gradients(bowl))
    states = iterates(bowl, one, State(rod.w + rod.x_w, rod.m + rod.x_m, rod.nu), 30)
    for t, state in enumerate(states):
        torch.testing.assert_close(rod.w + (-1) ** t * rod.x_w, state.w, rtol=0, atol=1e-12)
        torch.testing.assert_close(rod.m + (-1) ** t * rod.x_m, state.m, rtol=0, atol=1e-12)
        rod = rod.moved([1.0], [lift(rod)])


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=10)
@given(w=vectors)
def test_half_differences_obey_their_identities(name: str, w: Tensor) -> None:
    """The center moves by F_b; delta delta^T by (F_+ F_+^T + F_- F_-^T) / 4 - 2 delta delta^T."""
    one = usual(name)
    first, second, third = iterates(bowl, one, start(one, Gradients(bowl), w), 2)
    rods = MatrixRod(rank=1).start(first, first, second)
    later = MatrixRod(rank=1).start(first, second, third)
    spread = Spread(one, Gradients(bowl), rods.rods_w, rods.rods_m)
    mean, halves, _ = spread.with_halves(rods.center)
    torch.testing.assert_close(later.w - rods.w, mean.w, rtol=0, atol=1e-12)
    torch.testing.assert_close(later.m - rods.m, mean.m, rtol=0, atol=1e-12)
    found = (outer(mean.w) + outer(halves[0])) / 2 - 2 * outer(rods.rods_w[0])
    change = outer(later.rods_w[0]) - outer(rods.rods_w[0])
    torch.testing.assert_close(change, found, rtol=0, atol=1e-12)


def outer(v: Tensor) -> Tensor:
    return torch.outer(v, v)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5)
@given(w=vectors, x=vectors)
def test_the_sign_of_the_rod_does_not_matter(name: str, w: Tensor, x: Tensor) -> None:
    flow, one, gradients = AlternatingRod(), usual(name), Gradients(bowl)
    rod = rod_of(name, w, x)
    turned = replace(rod, x_w=-rod.x_w, x_m=-rod.x_m)
    rod, turned = flow.advance(one, gradients, rod), flow.advance(one, gradients, turned)
    for part in ("w", "m", "nu"):
        torch.testing.assert_close(getattr(rod, part), getattr(turned, part), rtol=0, atol=1e-14)
    torch.testing.assert_close(rod.x_w, -turned.x_w, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5)
@given(w=vectors)
def test_without_oscillation_the_fields_are_the_stable_flow(name: str, w: Tensor) -> None:
    rod, one, gradients = rod_of(name, w, torch.zeros(3).double()), usual(name), Gradients(bowl)
    center = State(rod.w, rod.m, rod.nu)
    drift = Drift(one, gradients)(center)
    lifted = Lift(one, gradients)(rod)
    spread = Spread(one, gradients, rod.x_w.expand(3, 3), rod.x_m.expand(3, -1))(center)
    for part in ("w", "m", "nu"):
        torch.testing.assert_close(getattr(lifted, part), getattr(drift, part), rtol=0, atol=1e-14)
        torch.testing.assert_close(getattr(spread, part), getattr(drift, part), rtol=0, atol=1e-14)
    assert not lifted.x_w.any() and not lifted.x_m.any()


def test_the_floor_lengthens_a_short_rod_and_leaves_a_long_one() -> None:
    rod = rod_of("hb", tensor(1, 2, 3), tensor(3e-9, 0, 4e-9))
    longer = floored(rod, 1e-6)
    torch.testing.assert_close(longer.x_w, 200 * rod.x_w)
    torch.testing.assert_close(longer.x_m, 200 * rod.x_m)
    assert floored(rod, 1e-9) is rod and floored(rod, 0.0) is rod
    still = replace(rod, x_w=torch.zeros(3).double())
    assert floored(still, 1e-6) is still
