"""Classification of scikit-learn's handwritten digits with a small network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.cells import hash_arrays
from trainables.options import MOST_WIDTH, require_whole

if TYPE_CHECKING:
    from trainables.mlp import MLPProblem
    from trainables.setup import Setup

CLASSES = 10


@dataclass(frozen=True, eq=False)
class Images:
    """Pixels in [0, 1], float32 [n, 64], and their classes, int64 [n]."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class DigitsMLP(BenchmarkTask):
    """8 x 8 digits, 70/10/20 split with equal class shares, network 64-hidden-10 with tanh.

    The metric is the mean log loss "nll", and "error", the share of wrong answers, is reported
    beside it. The validation part has 180 images, so the error moves in steps of 0.56 points and
    half of a search would end in ties; the log loss tells configurations apart and punishes
    overconfidence, which the error does not see.

    Args:
        hidden: width of the hidden layer, from 1 to 4,096.
        images: how many images of the data set are used, from the first.
    """

    name: str = "digits_mlp"
    summary: str = "1,797 handwritten digits of 8 x 8 pixels, network 64-32-10"
    budget: int = 400
    hidden: int = 32
    images: int = 1797

    metric = "nll"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("hidden", self.hidden, 1, MOST_WIDTH)

    def data(self) -> Mapping[str, Images]:
        """Return the parts "train", "val" and "test"."""
        return _split(self.images, self.data_seed)

    def content_hash(self) -> str:
        """Hash of the images of each part, in order."""
        return hash_arrays(*(a for part in self.data().values() for a in (part.x, part.y)))

    def tiny(self) -> DigitsMLP:
        return replace(self, hidden=3, images=100)

    def problem(self, setup: Setup) -> MLPProblem:
        from trainables import mlp

        data = self.data()
        widths = (data["train"].x.shape[1], self.hidden, CLASSES)
        layers = mlp.starting_layers(setup, self.name, widths)
        return mlp.MLPProblem(data, layers, mlp.CLASSES, setup)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the log loss of equal class probabilities and of the training frequencies."""
        counts = np.bincount(self.data()["train"].y, minlength=CLASSES)
        prior = np.log(counts / counts.sum())
        return {
            "uniform": float(np.log(CLASSES)),
            "class frequencies": float(-prior[self.data()[split].y].mean()),
        }


def digits_mlp(*, hidden: int = 32, data_seed: int = 0) -> DigitsMLP:
    """Return the digits task; see ``DigitsMLP`` for the options."""
    return DigitsMLP(hidden=hidden, data_seed=data_seed)


@lru_cache(maxsize=4)
def _split(images: int, data_seed: int) -> Mapping[str, Images]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits(return_X_y=True)
    x = np.asarray(digits[0][:images] / 16, dtype=np.float32)
    y = np.asarray(digits[1][:images], dtype=np.int64)
    state = derive("data", DigitsMLP.name, data_seed) % 2**32
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=state)
    train, val = train_test_split(rest, test_size=0.125, stratify=y[rest], random_state=state)
    parts = {"train": train, "val": val, "test": test}
    return {name: Images(x[chosen], y[chosen]) for name, chosen in parts.items()}
