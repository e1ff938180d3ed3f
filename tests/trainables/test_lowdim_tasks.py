"""The small tasks: their functions, their data, their networks, their baselines."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import trainables
from flowadam.errors import InputError
from trainables.small.points import PointsTask
from trainables.small.quadratics import RotatedQuadratic
from trainables.small.regression import IllConditionedRegression
from trainables.small.rosenbrock import Rosenbrock
from trainables.small.rotation import order_hash
from trainables.small.spirals import ANGLE, TwoSpirals, arms

NETWORKS = [TwoSpirals(), IllConditionedRegression()]
coordinate = st.floats(-3, 3)


def at(problem: Any, *theta: float) -> float:
    """Return the loss of a surface at a point, and leave the gradient in ``p.grad``."""
    with torch.no_grad():
        problem.params[0].copy_(torch.tensor([theta], dtype=torch.float64))
    return problem.closure().item()


@given(x=coordinate, y=coordinate, penalty=st.sampled_from([0.0, 0.2]))
@settings(max_examples=50, deadline=None)
def test_rosenbrock_is_the_function(x: float, y: float, penalty: float) -> None:
    problem = Rosenbrock().make([0], dtype="float64", penalty=penalty)
    value = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    assert at(problem, x, y) == pytest.approx(value + penalty * (x * x + y * y), abs=1e-12)
    slope = [-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)]
    expected = [s + 2 * penalty * t for s, t in zip(slope, (x, y), strict=True)]
    assert problem.params[0].grad is not None
    np.testing.assert_allclose(problem.params[0].grad[0].numpy(), expected, atol=1e-11)
    assert problem.evaluate("val")["loss"].item() == pytest.approx(value, abs=1e-12)


def test_rosenbrock_starts_around_the_published_point() -> None:
    starts = Rosenbrock().make(range(400), dtype="float64").params[0].detach()
    torch.testing.assert_close(
        starts.mean(0), torch.tensor([-1.5, 1.5]).double(), atol=0.0125, rtol=0
    )
    torch.testing.assert_close(starts.std(0), torch.tensor([0.05] * 2).double(), rtol=0.2, atol=0)
    values = Rosenbrock().trivial("val")
    assert values == {"start": 62.5, "floor below the start": 6.25, "origin": 1.0}


def test_rosenbrock_has_no_data_to_draw() -> None:
    one, other = Rosenbrock(), Rosenbrock(data_seed=1)
    assert torch.equal(one.make([3]).params[0], other.make([3]).params[0])
    assert one.fingerprint() != other.fingerprint()


def test_the_rotated_quadratic_is_the_published_one() -> None:
    task = RotatedQuadratic()
    problem: Any = task.make(range(300), dtype="float64")
    hessian = problem._hessian
    found = torch.linalg.eigvalsh(hessian)
    expected = torch.tensor([1.0] * 48 + [2000.0] * 2, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert (hessian - torch.diag(hessian.diag())).abs().max() > 10
    theta = problem.params[0].detach()
    assert theta.std().item() == pytest.approx(2, rel=0.03)
    losses = torch.einsum("ri,ij,rj->r", theta, hessian, theta) / 2
    torch.testing.assert_close(problem.closure(), losses, rtol=1e-12, atol=0)
    values = task.trivial("test")
    assert values["start"] == pytest.approx(losses.mean().item(), rel=0.2)
    assert values["stiff directions at zero"] == pytest.approx(96.0)


def test_spirals_are_spirals() -> None:
    """Without jitter the radius is the angle, and the arms are opposite."""
    rng, numbers = np.random.default_rng(0), []

    def uniform(count: int) -> Any:
        numbers.append(rng.random(count) if not numbers else np.zeros(count))
        return numbers[-1]

    points = arms(uniform, 500)
    radius = np.hypot(*points.x.T)
    angle = np.sqrt(numbers[0]) * math.radians(1200)
    np.testing.assert_allclose(radius, np.tile(angle, 2), rtol=1e-12)
    turned = np.stack([-np.cos(angle), np.sin(angle)], axis=1)
    np.testing.assert_allclose(points.x[:500], turned * angle[:, None], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(points.x[500:], -points.x[:500])
    assert points.y.tolist() == [0.0] * 500 + [1.0] * 500
    assert radius.max() <= ANGLE


def test_spiral_points_are_jittered_and_in_units_of_the_training_points() -> None:
    data = TwoSpirals().data()
    sizes = {name: len(part.y) for name, part in data.items()}
    assert sizes == {"train": 2000, "val": 400, "test": 1000}
    np.testing.assert_allclose(data["train"].x.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(data["train"].x.std(0), 1, rtol=1e-12)
    scale = data["train"].x.std(0) / arms(np.random.default_rng(0).random, 20_000).x.std(0)
    for name in ("val", "test"):
        np.testing.assert_allclose(data[name].x.std(0), 1, rtol=0.1)
        assert (np.abs(data[name].x.std(0) - 1) > 1e-6).all()
    first = data["val"].x[:200] / scale  # an arm, about in its own units
    angle = np.arctan2(first[:, 1], -first[:, 0]) % (2 * np.pi)
    gap = (np.hypot(*first.T) - angle) % (2 * np.pi)
    assert np.median(np.minimum(gap, 2 * np.pi - gap)) < 0.6


def test_the_regression_is_the_published_one() -> None:
    data = IllConditionedRegression().data()
    assert [len(part.y) for part in data.values()] == [400, 100, 100]
    x, y = (np.concatenate([getattr(p, a) for p in data.values()]) for a in "xy")
    assert (np.abs(x) <= [1, 10, 1]).all()
    np.testing.assert_allclose(x.std(0), np.array([1, 10, 1]) / 3**0.5, rtol=0.1)
    noise = y - 100 * np.sin(np.pi * x[:, 0]) - 0.01 * x[:, 1] ** 2 - 10 * x[:, 2]
    assert noise.std() == pytest.approx(0.1, rel=0.15)
    assert np.abs(noise).max() < 0.5


@pytest.mark.parametrize("task", NETWORKS, ids=lambda task: task.name)
def test_parts_are_disjoint(task: PointsTask) -> None:
    parts = [{row.tobytes() for row in part.x} for part in task.data().values()]
    assert len(set.union(*parts)) == sum(len(part.y) for part in task.data().values())


@pytest.mark.parametrize("task", NETWORKS, ids=lambda task: task.name)
def test_networks_are_torchs(task: Any) -> None:
    """Loss, gradient and metrics against torch.nn with the same weights, replica by replica."""
    problem = task.make([0, 1], test_unlocked=True, penalty=0.01, dtype="float64")
    losses = problem.closure()
    for r in (0, 1):
        network = _torch_network(task.widths(), [p.detach()[r] for p in problem.params])
        data = {k: (torch.tensor(v.x), torch.tensor(v.y)) for k, v in task.data().items()}
        criterion = nn.BCEWithLogitsLoss() if task.metric == "bce" else nn.MSELoss()
        loss = criterion(network(data["train"][0]).squeeze(1), data["train"][1])
        loss = loss + 0.01 * sum(p.square().sum() for p in network.parameters())
        loss.backward()
        assert losses[r].item() == pytest.approx(loss.item(), rel=1e-12)
        for p, q in zip(problem.params, network.parameters(), strict=True):
            assert q.grad is not None
            gradient = p.grad[r].T if p.dim() == 3 else p.grad[r]
            torch.testing.assert_close(gradient, q.grad, rtol=1e-9, atol=1e-12)
        with torch.no_grad():
            z = network(data["test"][0]).squeeze(1)
            value = criterion(z, data["test"][1])
        scores = problem.evaluate("test")
        if task.metric == "bce":
            wrong = (z.sigmoid().round() != data["test"][1]).double().mean()
            assert scores["error"][r].item() == pytest.approx(wrong.item())
            assert scores["bce"][r].item() == pytest.approx(value.item(), rel=1e-12)
        else:
            assert scores["mse"][r].item() == pytest.approx(value.item(), rel=1e-12)
            assert scores["rmse"][r].item() == pytest.approx(value.sqrt().item(), rel=1e-12)


def test_starting_weights() -> None:
    """LeCun's rule on the spirals, half of Glorot's on the regression; biases at zero."""
    for task, scales in (
        (TwoSpirals(), [2**-0.5, 24**-0.5, 24**-0.5, 24**-0.5]),
        (IllConditionedRegression(), [0.5 * (2 / n) ** 0.5 for n in (19, 32, 17)]),
    ):
        params = task.make(range(60), dtype="float64").params
        for w, b, scale in zip(params[::2], params[1::2], scales, strict=True):
            assert w.std().item() == pytest.approx(scale, rel=0.06)
            assert not b.any()


def test_baselines_of_the_networks() -> None:
    assert TwoSpirals().trivial("val") == {"uniform": math.log(2)}
    data = IllConditionedRegression().data()
    values = IllConditionedRegression().trivial("test")
    assert values["constant"] == pytest.approx(
        math.sqrt(np.mean((data["test"].y - data["train"].y.mean()) ** 2))
    )
    from sklearn.linear_model import LinearRegression

    plane = LinearRegression().fit(data["train"].x, data["train"].y)
    errors = plane.predict(data["test"].x) - data["test"].y
    assert values["linear"] == pytest.approx(math.sqrt(np.mean(errors**2)))


def test_the_order_hash_sees_order_alone() -> None:
    numbers = np.random.default_rng(0).standard_normal(50)
    assert order_hash(numbers) == order_hash(numbers * (1 + 1e-15)) == order_hash(3 * numbers)
    assert order_hash(numbers) != order_hash(numbers[::-1])
    assert order_hash(numbers) != order_hash(numbers[:-1])


@pytest.mark.parametrize(
    ("name", "option", "value", "sentence"),
    [
        ("two_spirals", "hidden", 0, "`hidden` must be a whole number of at least 1, got 0"),
        ("two_spirals", "train", 5, "two_spirals has no option 'train'"),
        ("rosenbrock", "data_seed", -1, "`data_seed` must be a whole number of at least 0"),
        ("ill_conditioned_regression", "hiden", 3, "Did you mean 'hidden'"),
        ("rotated_quadratic", "dimension", 3, "rotated_quadratic has no option 'dimension'"),
    ],
)
def test_wrong_options(name: str, option: str, value: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        trainables.get(name, **{option: value})


def test_wrong_fields() -> None:
    with pytest.raises(InputError, match="`dimension` must be a whole number of at least 2, got 1"):
        replace(RotatedQuadratic(), dimension=1)
    with pytest.raises(InputError, match="`val` must be a whole number of at least 1, got 0"):
        replace(TwoSpirals(), val=0)


def _torch_network(widths: list[int], weights: list[torch.Tensor]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for k, (w, b) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        layer = nn.Linear(widths[k], widths[k + 1], dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(w.T)
            layer.bias.copy_(b)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])
