"""At the threshold a mode is neutral: in the discrete method, in both rods."""

from __future__ import annotations

import pytest
import torch
from rodflow_tools import NAMES, quadratic, quartic, tensor, valley
from torch import Tensor

from flowadam.rodflow import (
    AlternatingRod,
    Gradients,
    MatrixRod,
    Method,
    Optimizer,
    State,
    eos_threshold,
    method,
    preconditioned_sharpness,
    step,
)
from flowadam.rodflow.alternating import Lift
from flowadam.rodflow.matrix import Spread
from flowadam.rodflow.states import Rod, Rods

AT_BETA1 = {"gd": 2, "rmsprop": 2, "srmsprop": 2, "hb": 3.8, "adam": 38, "sadam": 38}
AT_BETA1 |= {"nag": 1.3571, "nadam": 13.571, "snadam": 13.571}
AVERAGED = {
    "averaged heavy ball": (Method(Optimizer("hb", "heavy ball", averaged=True), 0.5), 38),
    "averaged Nesterov": (Method(Optimizer("nag", "nesterov", averaged=True), 0.5), 13.571),
}


@pytest.mark.parametrize("name", NAMES)
def test_thresholds_are_the_listed_ones(name: str) -> None:
    assert eos_threshold(method(name, 0.5)) == pytest.approx(AT_BETA1[name] / 0.5, rel=1e-4)


@pytest.mark.parametrize("name", AVERAGED)
def test_thresholds_of_averaged_momentum(name: str) -> None:
    one, value = AVERAGED[name]
    assert eos_threshold(one) == pytest.approx(value / 0.5, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("beta1", [0.5, 0.9])
def test_the_spectral_radius_is_one_at_the_threshold(name: str, beta1: float) -> None:
    one = method(name, 0.1, beta1=beta1)
    assert radius(one, 1.0) == pytest.approx(1, abs=1e-6)
    assert radius(one, 0.99) < 1 < radius(one, 1.01)


def radius(one: Method, share: float) -> float:
    """Return the spectral radius of a step at the minimum, S being `share` of S*."""
    nu = tensor(0.3) if one.adapts else tensor()
    curvature = share * eos_threshold(one) * one.preconditioner(one.beta2 * nu)
    gradients, small = Gradients(quadratic(float(curvature))), 1e-7
    size = 2 if one.has_momentum else 1
    columns = []
    for z in small * torch.eye(size, dtype=torch.float64):
        after = step(one, gradients, State(z[:1], z[1:], nu))
        columns.append(torch.cat((after.w, after.m)) / small)
    return float(torch.linalg.eigvals(torch.stack(columns, 1)).abs().max())


def neutral(name: str) -> tuple[Method, Tensor, Tensor, Tensor]:
    """Return a method and (x_w, x_m, nu) of a 2-cycle on w^2 / 2, where S = S*."""
    probe = method(name, 1.0)
    p = 1 + probe.eps if probe.adapts else 1.0
    one = method(name, eos_threshold(probe) * p)
    x = tensor(1.0)
    x_m = -one.k1 * x / (1 + one.beta1) if one.has_momentum else tensor()
    return one, x, x_m, x if one.adapts else tensor()


@pytest.mark.parametrize("name", NAMES)
def test_the_alternating_rod_is_at_rest_at_the_threshold(name: str) -> None:
    one, x, x_m, nu = neutral(name)
    zero, gradients = torch.zeros_like, Gradients(quadratic(1.0))
    rod = Rod(zero(x), zero(x_m), nu, x, x_m)
    rates = Lift(one, gradients)(rod)
    assert max(float(part.abs().max()) for part in rates.parts() if len(part)) <= 1e-8
    later = AlternatingRod().advance(one, gradients, rod)
    torch.testing.assert_close(later.x_w, x, rtol=0, atol=1e-8)


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_the_matrix_rod_is_at_rest_at_the_threshold(name: str, rank: int) -> None:
    one, x, x_m, nu = neutral(name)
    gradients, w = Gradients(quadratic(1.0)), torch.zeros_like(x)
    rods_w, rods_m = torch.zeros(rank, 1).double(), torch.zeros(rank, len(x_m)).double()
    rods_w[0], rods_m[0] = x, x_m
    halves = Spread(one, gradients, rods_w, rods_m).with_halves(State(w, 0 * x_m, nu))[1]
    torch.testing.assert_close(halves[0], -2 * x, rtol=0, atol=1e-8)
    rods = Rods(w, 0 * x_m, nu, rods_w, rods_m)
    later = MatrixRod(rank=rank).advance(one, gradients, rods)
    assert MatrixRod(rank=rank).extent(later) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize(
    ("lr", "flow"),
    [
        (2.2, AlternatingRod()),
        (2.5, AlternatingRod()),
        (2.2, MatrixRod(rank=1)),
        (2.5, MatrixRod(rank=1, substeps=2)),
        (2.2, MatrixRod(rank=2, substeps=2)),
    ],
)
def test_the_quartic_settles_where_its_secant_is_at_the_threshold(lr: float, flow) -> None:
    """Sigma* = 1 - 2 / eta, the same as the discrete 2-cycle."""
    one, gradients = method("gd", lr), Gradients(quartic)
    states = [State(tensor(0.3), tensor(), tensor())]
    for _ in range(2):
        states.append(step(one, gradients, states[-1]))
    state = flow.start(*states)
    for _ in range(40):
        state = flow.advance(one, gradients, state)
    assert flow.extent(state) ** 2 == pytest.approx(1 - 2 / lr, abs=1e-6)
    assert abs(float(state.w)) < 1e-6


@pytest.mark.parametrize("lr", [0.2, 0.1])
def test_the_valley_has_its_rest_on_the_edge(lr: float) -> None:
    """y* = sqrt(2 / eta - 1), Sigma* = kappa / y*."""
    y = (2 / lr - 1) ** 0.5
    x = (0.004 / y) ** 0.5
    empty = tensor()
    rod = Rod(tensor(0, y), empty, empty, tensor(x, 0), empty)
    later = AlternatingRod().advance(method("gd", lr), Gradients(valley), rod)
    for before, after in zip(rod.parts(), later.parts(), strict=True):
        torch.testing.assert_close(after, before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_sharpness_is_the_largest_preconditioned_eigenvalue(name: str) -> None:
    loss = quadratic(3.0, 1.0, 7.0, 2.0)
    one, gradients = method(name, 0.1), Gradients(loss)
    nu = {"none": tensor(), "scalar": tensor(4.0), "vector": tensor(1, 4, 9, 16)}
    found = {"none": 7.0, "scalar": 7 / (2 + 1e-8), "vector": 3 / (1 + 1e-8)}
    w, moment = tensor(1, 2, 3, 4), one.optimizer.moment
    read = preconditioned_sharpness(one, gradients, State(w, tensor(), nu[moment]))
    assert read.value == pytest.approx(found[moment], rel=1e-8)
    assert read.evaluations == gradients.count.gradients > 1
    again = preconditioned_sharpness(
        one, gradients, State(w, tensor(), nu[moment]), near=read.vector
    )
    assert again.evaluations <= read.evaluations


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        (lambda w: w.sum(), 0.0),
        (lambda w: (w**2).sum() * torch.nan, torch.nan),
        (lambda w: 0 * w.exp().sum(), 0.0),
    ],
)
def test_sharpness_where_there_is_none(loss, value: float) -> None:
    read = preconditioned_sharpness(
        method("gd", 0.1), Gradients(loss), State(tensor(1, 2, 3), tensor(), tensor())
    )
    assert read.value == pytest.approx(value, nan_ok=True)
