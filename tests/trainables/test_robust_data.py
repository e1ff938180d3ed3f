"""What the data of robust factorization are, and why the metric is the absolute error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import trainables
from flowadam.errors import InputError
from trainables.completion.robust_factorization import RobustFactorization, small

Row = tuple[str, tuple[int, int], int, float, float, float]
SCENARIOS: list[Row] = [
    ("small", (60, 80), 5, 0.20, 4.0, 0.08),
    ("medium", (80, 100), 8, 0.20, 4.5, 0.10),
    ("large", (100, 120), 10, 0.18, 5.0, 0.12),
]


@pytest.mark.parametrize(("size", "shape", "rank", "share", "magnitude", "noise"), SCENARIOS)
def test_robust_factorization_is_the_published_one(
    size: str, shape: tuple[int, int], rank: int, share: float, magnitude: float, noise: float
) -> None:
    task = trainables.get(f"robust_factorization_{size}")
    assert isinstance(task, RobustFactorization)
    data, entries = task.data(), math.prod(shape)
    assert (data.shape, task.rank) == (shape, rank + 3)
    assert [p.shape[1:] for p in task.make([0]).params] == [(rank + 3, n) for n in shape]
    assert (len(data.val), len(data.test)) == (entries // 10, entries)
    clean, noisy = np.zeros(shape), np.full(shape, np.nan)
    clean[data.test.rows, data.test.cols] = data.test.values
    for part in (data.train, data.val):
        assert np.isnan(noisy[part.rows, part.cols]).all()
        noisy[part.rows, part.cols] = part.values
    assert not np.isnan(noisy).any()
    singular = np.linalg.svd(clean, compute_uv=False)
    assert singular[rank] < 1e-5 * singular[0] < singular[rank - 1]
    assert clean.var() == pytest.approx(1 / rank, rel=0.15)
    errors = noisy - clean
    assert errors.var() == pytest.approx(share * magnitude**2 + noise**2, rel=0.15)
    # beyond four noise deviations there are outliers only, of which few are smaller than that
    hidden = math.erf(4 * noise / magnitude / math.sqrt(2))
    seen = (np.abs(errors) > 4 * noise).mean()
    assert seen == pytest.approx(share * (1 - hidden), abs=4 * math.sqrt(share / entries))
    assert np.median(np.abs(errors)) == pytest.approx(0.6745 * noise, rel=0.45)


def test_validation_is_noisy_and_test_is_clean() -> None:
    """Other noise changes training and validation entries, and no test entry."""
    quiet, loud = (replace(small(), noise=noise).data() for noise in (0.0, 0.5))
    assert np.array_equal(quiet.test.values, loud.test.values)
    for part in ("train", "val"):
        a, b = getattr(quiet, part), getattr(loud, part)
        assert np.array_equal(a.rows, b.rows)
        assert (b.values - a.values).std() == pytest.approx(0.5, rel=0.15)


def test_the_validation_metric_finds_the_best_weights() -> None:
    """Over a run and three penalties, the point of lowest validation "mae" is within 5 % of the
    lowest test "mae" and "rmse"; the point of lowest validation "rmse" is more than 10 % off.
    """
    points = []
    for penalty in (0.0, 3e-4, 1e-3):
        problem = small().make([0], penalty=penalty, test_unlocked=True)
        optimizer = torch.optim.Adam(problem.params, lr=0.01)
        for _ in range(12):
            for _ in range(10):
                optimizer.step(lambda p=problem: float(p.closure().sum()))
            scores = [problem.evaluate(split) for split in ("val", "test")]
            points.append([float(score[name][0]) for score in scores for name in ("mae", "rmse")])
    table = np.array(points)
    lowest = table.min(0)
    chosen = table[table[:, 0].argmin()]
    assert (chosen[2:] < 1.05 * lowest[2:]).all()
    assert (table[table[:, 1].argmin()][2:] > 1.1 * lowest[2:]).all()


def test_baselines() -> None:
    task = small()
    data = task.data()
    assert task.metric == "mae"
    for split in ("val", "test"):
        values = data.part(split).values.astype(float)
        median = float(np.median(data.train.values))
        expected = {"zero matrix": values, "training median": values - median}
        for name, errors in expected.items():
            assert task.trivial(split)[name] == pytest.approx(np.abs(errors).mean(), rel=1e-6)


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_adam_solves_the_task(size: str) -> None:
    """Sixty gradients leave at most four fifths of what the zero matrix leaves."""
    task = trainables.get(f"robust_factorization_{size}")
    problem = task.make([0, 1], penalty=3e-4, test_unlocked=True)
    optimizer = torch.optim.Adam(problem.params, lr=0.01)
    for _ in range(60):
        optimizer.step(lambda: float(problem.closure().sum()))
    best = min(task.trivial("test").values())
    assert (problem.evaluate("test")["mae"] < 0.8 * best).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rank": 0}, "`rank` must be a whole number of at least 1, got 0"),
        ({"rows": 3, "columns": 3}, "needs at least 10 observed entries, got 9"),
    ],
)
def test_wrong_sizes(options: dict[str, int], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        replace(small(), **options).data()
