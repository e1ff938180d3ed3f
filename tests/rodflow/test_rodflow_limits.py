"""Small steps, the order of the correction, and the convergence of the integrators."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rodflow_tools import NAMES, bowl, iterates, quadratic, tensor, usual

from flowadam.rodflow import (
    AlternatingRod,
    Corrected,
    Fitted,
    Gradients,
    MatrixRod,
    StableFlow,
    State,
    method,
    start,
    track,
)
from flowadam.rodflow.alternating import Lift
from flowadam.rodflow.corrections import CORRECTIONS
from flowadam.rodflow.schemes import SCHEMES
from flowadam.rodflow.states import Rod

FLOWS = (StableFlow(), MatrixRod(), AlternatingRod())
curvatures = st.lists(st.floats(0.2, 5), min_size=2, max_size=3)


@settings(max_examples=3)
@given(curvatures=curvatures)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.label)
def test_small_steps_give_the_gradient_flow(flow, curvatures: list[float]) -> None:
    """On sum h_i w_i^2 / 2: w = exp(-h_i t eta) at time t, up to O(eta)."""
    lr, steps = 0.01, 10
    one, loss, h = method("gd", lr), quadratic(*curvatures), tensor(*curvatures)
    state = flow.start(*iterates(loss, one, start(one, Gradients(loss), torch.ones_like(h)), 2))
    for _ in range(steps):
        state = flow.advance(one, Gradients(loss), state)
    expected = torch.exp(-h * lr * (steps + 1.5))
    middle = flow.middle(state, flow.advance(one, Gradients(loss), state))
    torch.testing.assert_close(middle, expected, rtol=0, atol=lr * float(h.max()) ** 2 * 0.2)


@pytest.mark.parametrize("name", ["gd", "nag", "adam"])
def test_rods_and_stable_flow_meet_as_steps_shrink(name: str) -> None:
    """After the same time lr x steps, the centers differ by O(lr) at most."""
    first, half = (gap(name, usual(name).lr * share, round(2 / share)) for share in (0.2, 0.1))
    assert half < 0.7 * first


def gap(name: str, lr: float, steps: int) -> float:
    """Return the distance of the rods' centers to the stable flow's."""
    one, gradients = method(name, lr, beta1=0.5), Gradients(bowl)
    known = iterates(bowl, one, start(one, gradients, tensor(1, -0.5, 0.8)), 2)
    ends = []
    for flow in FLOWS:
        state = flow.start(*known)
        for _ in range(steps):
            state, before = flow.advance(one, gradients, state), state
        ends.append(flow.middle(before, state))
    return max(float((end - ends[0]).norm()) for end in ends[1:])


@pytest.mark.parametrize("name", ["gd", "hb"])
def test_the_correction_leaves_an_error_of_second_order(name: str) -> None:
    """Before the onset the rod's error falls with lr^2, the stable flow's with lr."""
    rod, stable = AlternatingRod(), StableFlow()
    errors = {}
    for share in (1.0, 0.5):
        one = method(name, usual(name).lr * share, beta1=0.5)
        w = tensor(1, -0.5, 0.8)
        found = track(bowl, w, one, steps=round(20 / share), flows=(rod, stable), every=1000)
        for label, trail in found.trails.items():
            errors.setdefault(label, []).append(trail.errors[-1])
    (rod_first, rod_half), (first, half) = errors[rod.label], errors[stable.label]
    assert rod_half < rod_first / 3 and rod_half < half
    assert half < first / 1.5


@dataclass(frozen=True)
class Linear:
    """F = n Y, as the field of a rod in its x_w alone."""

    n: float

    def __call__(self, state: Rod) -> Rod:
        return state.moved([self.n - 1], [state])

    def transformed(self) -> Linear:
        return self


def factor(integrator, n: float, h: float) -> float:
    one, empty = tensor(1.0), tensor()
    return float(integrator(Linear(n), Rod(one, empty, empty, one, empty), h).x_w)


@pytest.mark.parametrize("h", [1.0, 0.5, 0.25])
def test_fitted_is_exact_for_rest_and_for_flat_directions(h: float) -> None:
    assert factor(Fitted(), -2.0, h) == pytest.approx(math.exp(-4 * h), rel=1e-12)
    assert factor(Fitted(), 0.0, h) == 1


@settings(max_examples=20)
@given(n=st.floats(-2.3, 0.5))
def test_fitted_stays_within_the_flow(n: float) -> None:
    """It neither grows where the flow decays, nor the other way round."""
    for h in (0.5, 0.25):
        exact, found = math.exp(h * (n - n * n / 2)), factor(Fitted(), n, h)
        assert abs(found) <= 1 if n <= 0 else found >= 1
        assert abs(found - exact) < 0.2 * h


@pytest.mark.parametrize("n", [-2.3, -1.0, -0.2, 0.3])
def test_fitted_tends_to_the_flow(n: float) -> None:
    exact = math.exp(n - n * n / 2)
    coarse, fine = (factor(Fitted(), n, 1 / k) ** k - exact for k in (64, 128))
    assert abs(fine) < 0.6 * abs(coarse) or abs(fine) < 1e-6


@pytest.mark.parametrize(
    ("scheme", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2), ("rk4", 4)]
)
def test_schemes_have_their_order(scheme: str, order: int) -> None:
    n, exact = -1.0, math.exp(-1.0)
    integrator = Corrected(scheme, "none")
    coarse, fine = (abs(factor(integrator, n, 1 / k) ** k - exact) for k in (10, 20))
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.15)
    assert set(SCHEMES) == {"euler", "midpoint", "heun", "rk4"}


@pytest.mark.parametrize("name", NAMES)
def test_corrections_agree_to_second_order(name: str) -> None:
    """On a slow rod all ways to F - F'F/2 differ by third order in F."""
    one, gradients = method(name, usual(name).lr * 0.05, beta1=0.05), Gradients(bowl)
    rod = AlternatingRod().start(*iterates(bowl, one, start(one, gradients, tensor(1, 2, 3)), 2))
    lift, slope = Lift(one, gradients), Lift(one, gradients)(rod)
    exact = CORRECTIONS["jvp"](lift, rod, slope)
    plain = float((exact.w - slope.w).norm())
    for way in ("difference", "half_step", "logarithm"):
        found = CORRECTIONS[way](lift, rod, slope)
        assert float((found.w - exact.w).norm()) < 0.1 * plain, way


@pytest.mark.parametrize("name", ["rmsprop", "adam", "nadam", "sadam"])
def test_corrections_agree_where_the_second_moment_shrinks(name: str) -> None:
    """dnu/dt is below 0 there: what keeps a nu positive must not touch its slope."""
    one, gradients = method(name, 1e-3), Gradients(bowl)
    rod = AlternatingRod().start(*iterates(bowl, one, start(one, gradients, tensor(1, 2, 3)), 2))
    rod = replace(rod, nu=100 * rod.nu)
    lift = Lift(one, gradients)
    slope = lift(rod)
    assert bool((slope.nu < 0).all())
    for way in ("jvp", "difference", "half_step", "logarithm"):
        found = CORRECTIONS[way](lift, rod, slope).nu
        torch.testing.assert_close(found, slope.nu, rtol=0.02, atol=0)


def test_every_way_is_charged_what_it_takes() -> None:
    """A Jacobian-vector product of a pair of gradients counts as two."""
    one = usual("adam")
    for correction, cost in {"none": 2, "jvp": 4, "difference": 4, "half_step": 4}.items():
        gradients = Gradients(bowl)
        rod = AlternatingRod(Corrected("heun", correction), substeps=3)
        state = rod.start(*iterates(bowl, one, start(one, gradients, tensor(1, 2)), 2))
        gradients.count.gradients = 0
        rod.advance(one, gradients, state)
        assert gradients.count.gradients == 3 * 2 * cost
        assert rod.integrator.evaluations * 2 * 3 == gradients.count.gradients


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Corrected("huen"), "Did you mean 'heun'?"),
        (lambda: Corrected(correction="half-step"), "Did you mean 'half_step'?"),
        (lambda: AlternatingRod(substeps=0), "`substeps` must be a whole number"),
        (lambda: AlternatingRod(floor=-1.0), "`floor` must be"),
        (lambda: MatrixRod(rank=0), "`rank` must be a whole number"),
        (lambda: MatrixRod(correction="no"), "Unknown correction 'no'"),
        (lambda: StableFlow(most_substeps=0), "`most_substeps` must be"),
        (lambda: method("adamm", 0.1), "Did you mean 'adam'?"),
        (lambda: method("adam", 0.0), "`lr` must be"),
        (lambda: method("adam", 0.1, beta1=1.0), "`beta1` must be"),
        (lambda: method("adam", 0.1, beta2=-0.1), "`beta2` must be"),
        (lambda: method("adam", 0.1, eps=-1.0), "`eps` must be"),
        (lambda: track(bowl, tensor(1), usual("gd"), steps=2), "`steps` must be at least 3"),
        (lambda: track(bowl, tensor(1), usual("gd"), steps=9, every=0), "`every` must be"),
        (lambda: track(bowl, torch.ones(2, 2), usual("gd"), steps=9), "must be a vector"),
        (
            lambda: track(bowl, tensor(1), usual("gd"), steps=9, flows=[StableFlow()] * 2),
            "a label of its own",
        ),
        (
            lambda: track(bowl, State(torch.ones(0), tensor(), tensor()), usual("gd"), steps=9),
            "must be a vector",
        ),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(make, words: str) -> None:
    with pytest.raises(ValueError, match=r"must|Unknown") as error:
        make()
    assert words in str(error.value)


@pytest.mark.parametrize("name", ["rmsprop", "srmsprop"])
def test_a_burst_leaves_the_second_moment_positive(name: str) -> None:
    """A stage that reaches over the valley meets s = 1e4 nu; a nu below 0 would give lr / eps."""
    one, gradients, none = method(name, 1e-3), Gradients(quadratic(100.0)), tensor()
    rod = Rod(tensor(1e-6), none, tensor(1e-6), tensor(1e-5), none)
    for _ in range(3):
        rod = AlternatingRod().advance(one, gradients, rod)
        assert float(rod.nu) > 0
    assert abs(float(rod.w)) < 10 * one.lr
