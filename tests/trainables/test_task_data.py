"""What the data of each task are: sizes, disjoint splits, noise, centers, baselines."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import trainables
from flowadam.errors import InputError
from trainables.cells import Cells, SplitCells, additive_baselines
from trainables.completion.completion import CompletionTask
from trainables.completion.matrix_completion import small
from trainables.completion.photo import PhotoCompletion
from trainables.completion.ratings import sample
from trainables.images.digits import DigitsMLP


def completion(name: str) -> CompletionTask:
    task = trainables.get(name)
    assert isinstance(task, CompletionTask)
    return task


def positions(cells: Cells, width: int) -> set[int]:
    return set((cells.rows.astype(np.int64) * width + cells.cols).tolist())


def assert_disjoint(data: SplitCells) -> set[int]:
    parts = [positions(p, data.shape[1]) for p in (data.train, data.val, data.test)]
    union = set.union(*parts)
    assert len(union) == len(data.train) + len(data.val) + len(data.test)
    return union


@pytest.mark.parametrize(
    ("size", "shape", "rank", "density", "noise"),
    [
        ("small", (200, 300), 10, 0.30, 0.10),
        ("medium", (300, 400), 15, 0.20, 0.10),
        ("large", (400, 500), 20, 0.15, 0.15),
    ],
)
def test_matrix_completion_is_the_published_one(
    size: str, shape: tuple[int, int], rank: int, density: float, noise: float
) -> None:
    task = completion(f"matrix_completion_{size}")
    data = task.data()
    assert data.shape == shape
    assert task.rank == rank + 5
    cells = shape[0] * shape[1]
    assert len(assert_disjoint(data)) == cells
    observed = len(data.train) + len(data.val)
    assert abs(observed - density * cells) < 5 * math.sqrt(cells * density * (1 - density))
    assert len(data.val) == observed // 10
    assert data.train.values.var() == pytest.approx(1 / rank + noise**2, rel=0.1)
    assert data.val.values.var() == pytest.approx(1 / rank + noise**2, rel=0.1)
    assert data.test.values.var() == pytest.approx(1 / rank, rel=0.1)
    assert data.center == 0.0
    zero = task.trivial("test")["zero matrix"]
    assert zero == pytest.approx(math.sqrt(np.mean(data.test.values.astype(float) ** 2)))


def test_the_test_part_of_matrix_completion_has_no_noise() -> None:
    """The same seed with other noise changes the observed entries and leaves the test part."""
    quiet, loud = (replace(small(), noise=noise).data() for noise in (0.0, 0.5))
    assert np.array_equal(quiet.test.values, loud.test.values)
    assert np.array_equal(quiet.train.rows, loud.train.rows)
    error = loud.train.values - quiet.train.values
    assert abs(error.std() - 0.5) < 5 * 0.5 / math.sqrt(2 * len(error))
    # rank 10 everywhere: without noise the whole matrix is the product of two thin factors
    whole = np.empty(quiet.shape)
    for part in (quiet.train, quiet.val, quiet.test):
        whole[part.rows, part.cols] = part.values
    singular = np.linalg.svd(whole, compute_uv=False)
    assert singular[10] < 1e-5 * singular[0]


@pytest.mark.parametrize("hidden", [0.75, 0.9])
def test_the_photograph(hidden: float) -> None:
    task = PhotoCompletion(hidden=hidden)
    data = task.data()
    assert data.shape == (213, 320)
    pixels = 213 * 320
    assert len(assert_disjoint(data)) == pixels
    assert len(data.test) == round(hidden * pixels)
    assert len(data.val) == (pixels - len(data.test)) // 10
    for part in (data.train, data.val, data.test):
        assert part.values.min() >= 0
        assert part.values.max() <= 1
    assert data.center == pytest.approx(data.train.values.mean(), abs=1e-6)
    assert task.trivial("test")["constant"] == pytest.approx(data.test.values.std(), rel=0.01)


def test_the_photograph_is_the_average_of_squares() -> None:
    from sklearn.datasets import load_sample_image

    data = PhotoCompletion().data()
    gray = load_sample_image("china.jpg")[:426].astype(float) @ [0.299, 0.587, 0.114] / 255
    image = np.empty(data.shape)
    for part in (data.train, data.val, data.test):
        image[part.rows, part.cols] = part.values
    assert image[7, 11] == pytest.approx(gray[14:16, 22:24].mean(), abs=1e-6)
    assert image[212, 319] == pytest.approx(gray[424:426, 638:640].mean(), abs=1e-6)


def test_the_digits() -> None:
    data = DigitsMLP().data()
    sizes = {name: len(part.y) for name, part in data.items()}
    assert sizes == {"train": 1257, "val": 180, "test": 360}
    everything = np.concatenate([part.x for part in data.values()])
    from sklearn.datasets import load_digits

    images = load_digits(return_X_y=True)[0] / 16
    assert sorted(map(tuple, everything)) == sorted(map(tuple, images.astype(np.float32)))
    for part in data.values():
        assert part.x.min() == 0
        assert part.x.max() == 1
        shares = np.bincount(part.y) / len(part.y)
        assert np.abs(shares - 0.1).max() < 0.01


def test_digit_scores_are_log_loss_and_error() -> None:
    problem = DigitsMLP().make([0, 1], test_unlocked=True, dtype="float64")
    part = DigitsMLP().data()["test"]
    w1, b1, w2, b2 = (p[1].detach().numpy() for p in problem.params)
    z = np.tanh(part.x @ w1 + b1) @ w2 + b2
    logs = z - np.log(np.exp(z).sum(1, keepdims=True))
    scores = problem.evaluate("test")
    assert float(scores["nll"][1]) == pytest.approx(-logs[np.arange(360), part.y].mean(), rel=1e-9)
    assert float(scores["error"][1]) == pytest.approx((z.argmax(1) != part.y).mean(), rel=1e-12)


def test_digit_baselines() -> None:
    values = DigitsMLP().trivial("val")
    assert values["uniform"] == pytest.approx(math.log(10))
    assert values["class frequencies"] == pytest.approx(math.log(10), abs=0.01)


def test_baselines_of_a_matrix_done_by_hand() -> None:
    """mu = 3; column biases (0 + 2)/7, -2/6; row biases by hand from what remains."""
    index = np.array
    train = Cells(
        index([0, 0, 1], dtype=np.int32),
        index([0, 1, 0], dtype=np.int32),
        index([3.0, 1.0, 5.0], dtype=np.float32),
    )
    test = Cells(index([1, 2]), index([1, 2]), index([4.0, 4.0], dtype=np.float32))
    data = SplitCells((3, 3), train, test, test, 3.0)
    values = additive_baselines(data, "test", "row", "column")
    row_bias = (2 - 2 / 7) / 6
    assert values["constant"] == pytest.approx(1.0)
    assert values["row mean"] == pytest.approx(math.sqrt(((5 - 4) ** 2 + (3 - 4) ** 2) / 2))
    known = 3 + row_bias - 2 / 6
    assert values["row + column"] == pytest.approx(math.sqrt(((known - 4) ** 2 + 1) / 2))


@given(seed=st.integers(0, 2**63 - 1))
@settings(max_examples=20, deadline=None)
def test_ratings_are_split_70_10_20(seed: int) -> None:
    task = sample()
    data = type(task)(cells=task.cells, content=task.content, data_seed=seed).data()
    count = len(task.cells)
    assert len(data.test) == count // 5
    assert len(data.val) == count // 10
    assert assert_disjoint(data) == positions(task.cells, data.shape[1])


@pytest.mark.parametrize("name", ["photo_completion", "digits_mlp", "matrix_completion_small"])
def test_a_short_run_of_adam_beats_every_constant_predictor(name: str) -> None:
    task = trainables.get(name)
    problem = task.make([0, 1], test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=0.01)
    for _ in range(100):
        optimizer.step(problem.closure)
    for split in ("val", "test"):
        best = min(task.trivial(split).values())
        assert (problem.evaluate(split)[task.metric] < 0.8 * best).all()


@pytest.mark.parametrize(
    ("name", "option", "value", "sentence"),
    [
        ("photo_completion", "rank", 0, "`rank` must be a whole number of at least 1, got 0"),
        ("photo_completion", "hidden", 1.0, "`hidden` must lie between 0 and 1, got 1.0"),
        ("photo_completion", "hidden", "most", "`hidden` must lie between 0 and 1, got 'most'"),
        ("photo_completion", "hidden", 1e-9, "leaves a part without pixels"),
        ("digits_mlp", "hidden", 2.5, "`hidden` must be a whole number of at least 1, got 2.5"),
        ("digits_mlp", "data_seed", -1, "`data_seed` must be a whole number of at least 0, got -1"),
        ("matrix_completion_small", "data_seed", True, "`data_seed` must be .*, got True"),
    ],
)
def test_wrong_options(name: str, option: str, value: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        trainables.get(name, **{option: value}).trivial("val")
