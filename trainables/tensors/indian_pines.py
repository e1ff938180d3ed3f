"""Completion of a real hyperspectral image of which one entry in fifty is seen.

The image is "Indian Pines": 145 x 145 pixels in 200 spectral bands, taken by the AVIRIS sensor over
Indiana in 1992, without the bands in which water absorbs. M. F. Baumgardner, L. L. Biehl, D. A.
Landgrebe, "220 Band AVIRIS Hyperspectral Image Data Set: June 12, 1992 Indian Pine Test Site 3",
Purdue University Research Repository, 2015, doi:10.4231/R7RX991C, under CC BY 3.0. It is read from
the installed package tensorly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import distribution
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flowadam.errors import InputError
from flowadam.seeds import derive
from flowadam.task import Split
from trainables.cells import Cells, SplitCells, additive_baselines, dense_cells, hash_arrays
from trainables.options import require_share, require_whole
from trainables.tensors.tensor_completion import CPTask

if TYPE_CHECKING:
    from trainables.tensors.tensor_factorization import Shape

FILE = "tensorly/datasets/data/Indian_pines_corrected.npy"
SHAPE = (145, 145, 200)
UNIT = 1000
"""Digital numbers of the sensor per unit of the task, so that values lie between 0.9 and 9.7."""

TEST_SHARE = 0.1
"""Share of all entries that are the test part."""


@dataclass(frozen=True, kw_only=True)
class IndianPines(CPTask):
    """Radiances x_bij of band b at pixel (i, j), in thousands of the sensor's digital numbers.

    The share `observed` of all entries is drawn at random; a tenth of it, rounded down, is
    validation and the rest training: 75,690 entries and a gradient of about 5 ms at the default.
    A tenth of all entries, drawn from the unobserved ones, is the test part. Models subtract the
    training mean.

    Args:
        observed: share of observed entries, in (0, 0.9).
        stride: every `stride`-th pixel and band is used, in each of the three ways.
    """

    name: str = "indian_pines"
    summary: str = "a real hyperspectral image, 200 bands x 145 x 145 pixels, 2% seen"
    budget: int = 600
    rank: int = 10
    data_seed: int = 0
    observed: float = 0.02
    stride: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_share("observed", self.observed)
        require_whole("stride", self.stride, 1)

    def tensor_shape(self) -> Shape:
        return _cube(self.stride).shape

    def data(self) -> SplitCells:
        return _observe(self)

    def content_hash(self) -> str:
        """Hash of the digital numbers and the split."""
        return hash_arrays(_cube(self.stride), *self.data().positions())

    def tiny(self) -> IndianPines:
        return replace(self, stride=16, rank=2, observed=0.3)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the RMSE of means: training, band, pixel, and band + pixel biases."""
        data = self.data()
        by_band = additive_baselines(data, split, "band", "pixel")
        by_pixel = additive_baselines(_transposed(data), split, "pixel", "band")
        return {**by_pixel, "band mean": by_band["band mean"]}


def indian_pines(*, rank: int = 10, observed: float = 0.02, data_seed: int = 0) -> IndianPines:
    """Return the hyperspectral task; see ``IndianPines`` for the options."""
    return IndianPines(
        rank=rank,
        observed=observed,
        data_seed=data_seed,
        summary=f"a real hyperspectral image, 200 bands x 145 x 145 pixels, {observed:.0%} seen",
    )


@lru_cache(maxsize=2)
def _cube(stride: int) -> NDArray[np.uint16]:
    """Return every `stride`-th digital number, bands first."""
    pixels = np.load(str(distribution("tensorly").locate_file(FILE)), allow_pickle=False)
    if pixels.shape != SHAPE or pixels.dtype != np.uint16:
        raise InputError(
            f"tensorly's Indian Pines must be uint16 {SHAPE}, got {pixels.dtype} {pixels.shape}."
        )
    kept = slice(None, None, stride)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[kept, kept, kept])


@lru_cache(maxsize=2)
def _observe(task: IndianPines) -> SplitCells:
    cube = _cube(task.stride)
    values = (cube.reshape(len(cube), -1) / UNIT).astype(np.float32)
    order = np.random.default_rng(derive("data", task.name, task.data_seed)).permutation(cube.size)
    observed, test = round(task.observed * cube.size), round(TEST_SHARE * cube.size)
    held_out = observed // 10
    if held_out == 0 or observed + test > cube.size:
        raise InputError(f"`observed` leaves a part without entries, got {task.observed}.")
    train = dense_cells(values, order[held_out:observed])
    return SplitCells(
        shape=(values.shape[0], values.shape[1]),
        train=train,
        val=dense_cells(values, order[:held_out]),
        test=dense_cells(values, order[observed : observed + test]),
        center=float(train.values.mean(dtype=np.float64)),
    )


def _transposed(data: SplitCells) -> SplitCells:
    train, val, test = (Cells(p.cols, p.rows, p.values) for p in (data.train, data.val, data.test))
    return SplitCells((data.shape[1], data.shape[0]), train, val, test, data.center)
