"""What the data of the tensor tasks are: sizes, disjoint parts, noise, rank, the real image."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

import trainables
from flowadam.errors import InputError
from trainables.cells import Cells, SplitCells
from trainables.tensors import indian_pines
from trainables.tensors.indian_pines import IndianPines
from trainables.tensors.tensor_completion import TensorCompletion, small


def flat(cells: Cells, data: SplitCells) -> set[int]:
    return set((cells.rows.astype(np.int64) * data.shape[1] + cells.cols).tolist())


def count_distinct(data: SplitCells) -> int:
    """Return the number of entries in all parts, after asserting that no two parts share one."""
    parts = (data.train, data.val, data.test)
    union = set.union(*(flat(part, data) for part in parts))
    assert len(union) == sum(map(len, parts))
    return len(union)


@pytest.mark.parametrize(
    ("size", "shape", "rank", "density"),
    [
        ("small", (30, 40, 50), 5, 0.10),
        ("medium", (40, 50, 60), 8, 0.08),
        ("large", (50, 60, 70), 10, 0.08),
    ],
)
def test_tensor_completion_is_the_published_one(
    size: str, shape: tuple[int, int, int], rank: int, density: float
) -> None:
    task = trainables.get(f"tensor_completion_{size}")
    assert isinstance(task, TensorCompletion)
    data, cells = task.data(), math.prod(shape)
    assert (task.tensor_shape(), task.rank) == (shape, rank + 5)
    assert data.shape == (shape[0], shape[1] * shape[2])
    assert [p.shape[1:] for p in task.make([0]).params] == [(rank + 5, n) for n in shape]
    assert count_distinct(data) == cells
    observed = len(data.train) + len(data.val)
    assert abs(observed - density * cells) < 5 * math.sqrt(cells * density * (1 - density))
    assert len(data.val) == observed // 10
    assert data.center == 0.0
    # the variance of a sum of r products of three N(0, 1/r) numbers is 1/r^2
    assert data.test.values.var() == pytest.approx(1 / rank**2, rel=0.5)
    extra = data.train.values.var() - data.test.values.var()
    assert extra == pytest.approx(0.1**2, rel=0.2)
    zero = task.trivial("test")["zero tensor"]
    assert zero == pytest.approx(math.sqrt(np.mean(data.test.values.astype(float) ** 2)))


def test_the_test_part_has_no_noise_and_the_tensor_its_rank() -> None:
    quiet, loud = (replace(small(), noise=noise).data() for noise in (0.0, 0.5))
    assert np.array_equal(quiet.test.values, loud.test.values)
    assert np.array_equal(quiet.train.cols, loud.train.cols)
    error = loud.train.values - quiet.train.values
    assert abs(error.std() - 0.5) < 5 * 0.5 / math.sqrt(2 * len(error))
    whole = np.empty(quiet.shape)
    for part in (quiet.train, quiet.val, quiet.test):
        whole[part.rows, part.cols] = part.values
    tensor = whole.reshape(30, 40, 50)
    for way in range(3):
        unfolded = np.moveaxis(tensor, way, 0).reshape(tensor.shape[way], -1)
        singular = np.linalg.svd(unfolded, compute_uv=False)
        assert singular[4] > 1e-2 * singular[0]
        assert singular[5] < 1e-5 * singular[0]


def test_the_image_is_the_published_one() -> None:
    """The file's hash, and figures that were taken from it by hand."""
    content = Path(str(distribution("tensorly").locate_file(indian_pines.FILE))).read_bytes()
    assert hashlib.sha256(content).hexdigest() == (
        "8f038e4d81569e38ebfc72a15c9984c150de42580ab260be10a13442e912e451"
    )
    cube = indian_pines._cube(1)
    assert (cube.shape, cube.dtype) == ((200, 145, 145), np.uint16)
    assert (cube.min(), cube.max()) == (955, 9604)
    assert cube.mean(dtype=np.float64) == pytest.approx(2652.389, abs=1e-3)


def test_parts_of_the_image() -> None:
    data = IndianPines().data()
    assert data.shape == (200, 145 * 145)
    assert (len(data.train), len(data.val), len(data.test)) == (75_690, 8_410, 420_500)
    count_distinct(data)
    pixels = np.load(str(distribution("tensorly").locate_file(indian_pines.FILE)))
    for part in (data.train, data.val, data.test):
        i, j = np.divmod(part.cols, 145)
        np.testing.assert_allclose(part.values * 1000, pixels[i, j, part.rows], rtol=1e-6)
    assert data.center == pytest.approx(data.train.values.mean(dtype=float), rel=1e-12)


def test_baselines_of_the_image() -> None:
    """Band means of the whole image leave an RMSE of 0.4423; those of 2 % come close."""
    values = IndianPines().trivial("test")
    assert set(values) == {"constant", "band mean", "pixel mean", "pixel + band"}
    assert values["constant"] == pytest.approx(1.592, rel=0.01)
    assert values["band mean"] == pytest.approx(0.4423, rel=0.01)
    assert 0.40 < values["pixel + band"] < values["band mean"]


def test_a_changed_image_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = "tensorly/datasets/data/Indian_pines_gt.npy"
    monkeypatch.setattr(indian_pines, "FILE", other)
    with pytest.raises(
        InputError, match=r"must be uint16 \(145, 145, 200\), got uint8 \(145, 145\)"
    ):
        indian_pines._cube.__wrapped__(1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"observed": 1.0}, "`observed` must lie between 0 and 1, got 1.0"),
        ({"observed": 0.95}, "`observed` leaves a part without entries, got 0.95"),
        ({"observed": 1e-9}, "`observed` leaves a part without entries, got 1e-09"),
        ({"rank": 0}, "`rank` must be a whole number of at least 1, got 0"),
        ({"stride": 0}, "`stride` must be a whole number of at least 1, got 0"),
    ],
)
def test_wrong_options_of_the_image(options: dict[str, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        replace(IndianPines(stride=16), **options).data()


def test_a_tensor_without_validation_entries_is_refused() -> None:
    with pytest.raises(InputError, match="needs at least 10 observed entries, got 0"):
        replace(small(), density=0.0).data()
