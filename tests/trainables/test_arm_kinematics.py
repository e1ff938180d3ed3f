"""The arm against plain loops, and the paths that it follows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from flowadam.errors import InputError
from trainables.kinematics.arm import ArmProblem
from trainables.kinematics.inverse_kinematics import PATHS, InverseKinematics, Points
from trainables.problem import ReplicatedProblem

ANGLES = st.floats(-7, 7)


def made(path: str, links: int = 8, waypoints: int = 10) -> InverseKinematics:
    return InverseKinematics(name=path, summary=path, path=path, links=links, waypoints=waypoints)


def problem_at(task: InverseKinematics, angles: Points, penalty: float = 0.0) -> ArmProblem:
    """Return the problem of one replica at `angles`."""
    problem = task.make([0], penalty=penalty, dtype="float64")
    assert isinstance(problem, ArmProblem)
    with torch.no_grad():
        problem.params[0][0] = torch.from_numpy(angles)
    return problem


def tip(angles: list[float]) -> tuple[float, float]:
    """Walk along the arm, link by link."""
    x = y = direction = 0.0
    for angle in angles:
        direction += angle
        x += math.cos(direction)
        y += math.sin(direction)
    return x, y


@given(st.lists(ANGLES, min_size=12, max_size=12), st.sampled_from(sorted(PATHS)))
def test_loss_and_scores_against_a_plain_loop(flat: list[float], path: str) -> None:
    task = made(path, links=3, waypoints=4)
    rows = [flat[i : i + 3] for i in range(0, 12, 3)]
    problem = problem_at(task, np.array(rows), penalty=0.1)
    squares = [
        (x - tx) ** 2 + (y - ty) ** 2
        for (x, y), (tx, ty) in zip(map(tip, rows), task.targets().tolist(), strict=True)
    ]
    smoothness = sum((rows[i + 1][j] - rows[i][j]) ** 2 for i in range(3) for j in range(3))
    penalty = 0.1 * sum(a * a for a in flat)
    loss = sum(squares) + smoothness + penalty
    assert float(problem.closure()[0]) == pytest.approx(loss, rel=1e-12)
    found = {name: float(value[0]) for name, value in problem.evaluate("val").items()}
    assert found == pytest.approx(
        {
            "target_rmse": math.sqrt(sum(squares) / 8),
            "smoothness": smoothness,
            "objective": loss - penalty,
        },
        rel=1e-11,
        abs=1e-12,
    )


@pytest.mark.parametrize("path", sorted(PATHS))
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_the_closed_gradient_is_the_one_of_autograd(path: str, penalty: float) -> None:
    angles = np.random.default_rng(0).normal(size=(10, 8))
    problem = problem_at(made(path), angles, penalty)
    loss, gradient = problem.closure(), problem.params[0].grad
    assert gradient is not None
    slot = torch.zeros(10, 8, dtype=torch.float64)
    expected = ReplicatedProblem._replica_gradient(
        problem, 0, (problem.params[0].detach()[0],), (slot,)
    )
    torch.testing.assert_close(loss[0], expected, rtol=1e-13, atol=0)
    torch.testing.assert_close(gradient[0], slot, rtol=1e-12, atol=1e-13)


def test_an_arm_on_its_path_has_no_error() -> None:
    """A fan of equal bends b of three links: the tip is at 1 + e^ib + e^2ib, turned by a."""
    task = made("arc", links=3, waypoints=4)
    bend = math.acos((1.8 - 1) / 2)  # |tip| = 1 + 2 cos(b) = 0.6 of the reach
    turns = np.linspace(0, math.pi, 4)
    angles = np.stack([turns - bend, np.full(4, bend), np.full(4, bend)], axis=1)
    scores = problem_at(task, angles).evaluate("val")
    assert float(scores["target_rmse"][0]) == pytest.approx(0, abs=1e-12)
    assert float(scores["smoothness"][0]) == pytest.approx(3 * (math.pi / 3) ** 2)


@pytest.mark.parametrize("path", sorted(PATHS))
def test_paths_are_within_reach_and_move(path: str) -> None:
    targets = made(path).targets()
    assert targets.shape == (10, 2)
    assert np.linalg.norm(targets, axis=1).max() <= 0.9 * 8
    assert np.linalg.norm(np.diff(targets, axis=0), axis=1).min() > 0.5


def test_the_arc_is_a_half_circle_of_radius_4_8() -> None:
    targets = made("arc").targets()
    np.testing.assert_allclose(np.linalg.norm(targets, axis=1), 4.8)
    np.testing.assert_allclose(targets[[0, -1]], [[4.8, 0], [-4.8, 0]], atol=1e-12)
    assert (targets[1:-1, 1] > 0).all()


def test_trivial_postures() -> None:
    """Of the arc: its center of mass, and the end of the stretched arm, by hand."""
    task = made("arc")
    points = [(4.8 * math.cos(math.pi * i / 9), 4.8 * math.sin(math.pi * i / 9)) for i in range(10)]
    height = sum(y for _, y in points) / 10
    values = task.trivial("test")
    stretched = sum((x - 8) ** 2 + y**2 for x, y in points) / 20
    single = sum(x**2 + (y - height) ** 2 for x, y in points) / 20
    assert values == pytest.approx(
        {"stretched arm": math.sqrt(stretched), "one posture": math.sqrt(single)}
    )


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"path": "zigzack"}, "Unknown path 'zigzack'. Did you mean 'zigzag'"),
    ({"path": "arc", "links": 0}, "`links` must be a whole number of at least 1, got 0"),
    ({"path": "arc", "waypoints": 1}, "`waypoints` must be a whole number of at least 2, got 1"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_options_out_of_range(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        made(**options)
