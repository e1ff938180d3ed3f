"""Completion of a photograph of which three pixels in four are hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flowadam.errors import InputError
from flowadam.seeds import derive
from trainables.cells import SplitCells, dense_cells, hash_arrays
from trainables.completion.completion import CompletionTask
from trainables.options import require_share

PICTURE = "china.jpg"
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a gray value (ITU-R BT.601)."""


@dataclass(frozen=True, kw_only=True)
class PhotoCompletion(CompletionTask):
    """Gray values in [0, 1] of scikit-learn's photograph "china.jpg", averaged over squares.

    Squares of 2 x 2 pixels give 213 x 320 values and a gradient of about 0.1 ms. The hidden
    pixels are the test part; a tenth of the shown ones, rounded down, is held out for validation.

    Args:
        hidden: share of hidden pixels, in (0, 1).
        square: side of the averaged squares, in pixels.
    """

    name: str = "photo_completion"
    summary: str = "a real photograph, 213 x 320 gray values, three in four hidden"
    budget: int = 500
    rank: int = 10
    data_seed: int = 0
    hidden: float = 0.75
    square: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_share("hidden", self.hidden)

    def data(self) -> SplitCells:
        return _hide(self)

    def content_hash(self) -> str:
        """Hash of the decoded pixels and the split."""
        return hash_arrays(_pixels(), *self.data().positions())

    def tiny(self) -> PhotoCompletion:
        return replace(self, square=32, rank=2)


def photo_completion(
    *, rank: int = 10, hidden: float = 0.75, data_seed: int = 0
) -> PhotoCompletion:
    """Return the photograph task; see ``PhotoCompletion`` for the options."""
    return PhotoCompletion(rank=rank, hidden=hidden, data_seed=data_seed)


@lru_cache(maxsize=1)
def _pixels() -> NDArray[np.uint8]:
    """Return the photograph, uint8 [427, 640, 3]."""
    from sklearn.datasets import load_sample_image

    return np.asarray(load_sample_image(PICTURE), dtype=np.uint8)


@lru_cache(maxsize=4)
def _hide(task: PhotoCompletion) -> SplitCells:
    image = _shrink(_pixels() @ np.asarray(LUMA) / 255, task.square).astype(np.float32)
    order = np.random.default_rng(derive("data", task.name, task.data_seed)).permutation(image.size)
    hidden = round(task.hidden * image.size)
    held_out = hidden + (image.size - hidden) // 10
    if hidden == 0 or held_out == hidden:
        raise InputError(f"`hidden` leaves a part without pixels, got {task.hidden}.")
    train = dense_cells(image, order[held_out:])
    return SplitCells(
        shape=(image.shape[0], image.shape[1]),
        train=train,
        val=dense_cells(image, order[hidden:held_out]),
        test=dense_cells(image, order[:hidden]),
        center=float(train.values.mean(dtype=np.float64)),
    )


def _shrink(image: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Average squares of side x side pixels; what is left over at two edges is dropped."""
    rows, cols = image.shape[0] // side, image.shape[1] // side
    squares = image[: rows * side, : cols * side].reshape(rows, side, cols, side)
    return squares.mean(axis=(1, 3))
