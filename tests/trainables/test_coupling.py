"""The coupling dial turns the basis and changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import trainables
from flowadam.errors import InputError
from trainables.images.digits import DigitsMLP
from trainables.small.coupling import CouplingDigits, CouplingQuadratic
from trainables.small.rotation import Matrix, geodesic, normal_square, rotation

NAMES = ["coupling_quadratic", "coupling_digits"]
# the rates are below the limit of gradient descent: 2 / lambda_max = 2 on the quadratic
DESCENT = {"coupling_quadratic": 0.5, "coupling_digits": 0.2}
STEPS = 60


def turned(name: str, coupling: float) -> Any:
    return trainables.get(name, coupling=coupling)


def small(name: str, coupling: float) -> Any:
    """Return the task on fewer images, where it has any."""
    task = turned(name, coupling)
    return replace(task, images=300, hidden=8) if name == "coupling_digits" else task


def losses(task: Any, optimizer: type[torch.optim.Optimizer], **options: Any) -> torch.Tensor:
    """Return the losses [STEPS, 2] before each step, in float64."""
    problem = task.make([0, 1], penalty=1e-4, dtype="float64")
    made = optimizer(problem.params, **options)
    return torch.stack([made.step(problem.closure) for _ in range(STEPS)])


@given(dimension=st.integers(2, 40), seed=st.integers(0, 2**32), share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_way_to_a_rotation(dimension: int, seed: int, share: float) -> None:
    goal = rotation(normal_square(dimension, seed))
    part, rest = geodesic(goal, share), geodesic(goal, 1 - share)
    for matrix in (goal, part):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(dimension), atol=1e-11)
        assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(part @ rest, goal, atol=1e-11)
    np.testing.assert_allclose(geodesic(goal, 1.0), goal, atol=1e-11)
    assert np.array_equal(geodesic(goal, 0.0), np.eye(dimension))


def test_the_way_is_straight() -> None:
    """In the plane, a third of the way to a turn by 120 degrees is a turn by 40."""

    def plane(degrees: float) -> Matrix:
        a = np.radians(degrees)
        return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])

    np.testing.assert_allclose(geodesic(plane(120), 1 / 3), plane(40), atol=1e-14)
    np.testing.assert_allclose(geodesic(plane(-170), 0.5), plane(-85), atol=1e-14)


def test_rotations_are_uniform() -> None:
    """Entries have mean 0 and variance 1 / d, and no column is preferred."""
    many = np.stack([rotation(normal_square(4, seed)) for seed in range(2000)])
    assert np.abs(many.mean(0)).max() < 5 * 0.5 / 2000**0.5
    np.testing.assert_allclose((many**2).mean(0), 0.25, atol=0.03)


@pytest.mark.parametrize("coupling", [0.0, 0.3, 1.0])
def test_the_spectrum_stays(coupling: float) -> None:
    task = CouplingQuadratic(coupling=coupling)
    problem: Any = task.make([0], dtype="float64")
    found = torch.linalg.eigvalsh(problem._hessian).flip(0)
    expected = torch.from_numpy(1000.0 ** -np.linspace(0, 1, 50))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)
    diagonal = torch.equal(problem._hessian, torch.diag(problem._hessian.diag()))
    assert diagonal is (coupling == 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_gradient_descent_does_not_see_the_dial(name: str, momentum: float) -> None:
    options = {"lr": DESCENT[name] * (1 - momentum), "momentum": momentum}
    plain, half, full = (
        losses(small(name, c), torch.optim.SGD, **options) for c in (0.0, 0.3, 1.0)
    )
    assert (plain[-1] < 0.5 * plain[0]).all()
    torch.testing.assert_close(half, plain, rtol=1e-9, atol=0)
    torch.testing.assert_close(full, plain, rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_adam_sees_the_dial(name: str) -> None:
    plain, half, full = (losses(small(name, c), torch.optim.Adam, lr=0.01) for c in (0.0, 0.3, 1.0))
    torch.testing.assert_close(half[0], plain[0], rtol=1e-9, atol=0)
    for one, other in ((plain, half), (half, full), (plain, full)):
        assert ((one / other - 1).abs().amax(0) > 0.01).all()


def test_coupling_costs_adam_what_it_gains_from_the_axes() -> None:
    """300 gradients at the rate .1: 4e-14 on the axes, 2e-4 and 1e-3 further on."""
    reached = []
    for coupling in (0.0, 0.3, 1.0):
        problem = turned("coupling_quadratic", coupling).make([0, 1])
        optimizer = torch.optim.Adam(problem.params, lr=0.1)
        for _ in range(300):
            optimizer.step(problem.closure)
        reached.append(float(problem.evaluate("val")["loss"].mean()))
    assert reached[0] < 1e-9
    assert 1e-5 < reached[1] < reached[2]


@pytest.mark.parametrize("name", NAMES)
def test_starts_correspond(name: str) -> None:
    """theta(c) = Q(c) theta(0) in the first tensor, and the others are equal."""
    task = turned(name, 0.4)
    first, *rest = task.make([3, 4], dtype="float64").params
    plain, *others = turned(name, 0.0).make([3, 4], dtype="float64").params
    basis = torch.from_numpy(task.basis())
    expected = torch.einsum("ij,rj...->ri...", basis, plain)
    torch.testing.assert_close(first, expected, rtol=0, atol=1e-14)
    assert all(torch.equal(p, q) for p, q in zip(rest, others, strict=True))


def test_digits_without_coupling_are_the_digits() -> None:
    ours, plain = CouplingDigits(coupling=0.0), DigitsMLP()
    problem, reference = (t.make([0], test_unlocked=True, dtype="float64") for t in (ours, plain))
    with torch.no_grad():
        for p, q in zip(problem.params, reference.params, strict=True):
            p.copy_(q)
    assert torch.equal(problem.closure(), reference.closure())
    for split in ("val", "test"):
        assert torch.equal(problem.evaluate(split)["nll"], reference.evaluate(split)["nll"])
    assert ours.trivial("val") == plain.trivial("val")


@pytest.mark.parametrize("name", NAMES)
def test_the_dial_is_part_of_the_fingerprint(name: str) -> None:
    assert turned(name, 1).fingerprint() == turned(name, 1.0).fingerprint()
    assert turned(name, 0.5).fingerprint() != turned(name, 1.0).fingerprint()
    assert turned(name, 0.5).content_hash() == turned(name, 1.0).content_hash()


@pytest.mark.parametrize(
    ("name", "option", "value", "sentence"),
    [
        *[(name, "coupling", bad, "`coupling` must be a number from 0 to 1, got")
          for name in NAMES for bad in (-0.1, 1.1, float("nan"), "half", True)],
        ("coupling_quadratic", "condition", 0.5, "`condition` must be a number from 1 to 1e"),
        ("coupling_digits", "hidden", 0, "`hidden` must be a whole number of at least 1, got 0"),
        ("coupling_quadratic", "copling", 0, "Did you mean 'coupling'"),
    ],
)  # fmt: skip
def test_wrong_options(name: str, option: str, value: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        trainables.get(name, **{option: value})
