"""Addition of whole numbers in a cyclic group by a small transformer, full batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from flowadam.errors import InputError
from flowadam.seeds import derive
from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.edge.digits import frequencies
from trainables.options import require_whole
from trainables.small.points import Points
from trainables.small.rotation import order_hash

if TYPE_CHECKING:
    from trainables.edge.module_problem import SquaredProblem
    from trainables.setup import Setup

MODULUS, WIDTH, HEADS = 7, 8, 2


@dataclass(frozen=True, kw_only=True)
class EdgeTransformer(BenchmarkTask):
    """(a + b) mod 7 of all pairs: 29 to learn, 10 each for validation and test.

    A causal transformer of one layer, width 8, two heads, with softmax attention, GELU and layer
    norms, 1,023 parameters. Squared loss; the metric "mse" is the mean squared distance of the
    scores to the one-hot answer, "error" the share of wrong answers.

    Args:
        modulus: from 3 to 100.
        width: of the transformer, a multiple of 2.
    """

    name: str = "edge_transformer"
    summary: str = "addition modulo 7, transformer of one layer and width 8, full batch"
    budget: int = 400
    modulus: int = MODULUS
    width: int = WIDTH

    metric = "mse"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("modulus", self.modulus, 3, 100)
        require_whole("width", self.width, HEADS, 256)
        if self.width % HEADS:
            raise InputError(f"`width` must be a multiple of {HEADS}, got {self.width}.")

    def data(self) -> Mapping[str, Points]:
        """Return the parts "train", "val" and "test"; x are pairs [n, 2]."""
        rng = np.random.default_rng(derive("data", self.name, self.data_seed))
        numbers = np.arange(self.modulus)
        pairs = rng.permutation(np.stack(np.meshgrid(numbers, numbers), -1).reshape(-1, 2))
        held = max(1, len(pairs) // 5) + 1
        ends = [len(pairs) - 2 * held, len(pairs) - held]
        parts = zip(("train", "val", "test"), np.split(pairs, ends), strict=True)
        return {name: Points(part, part.sum(1) % self.modulus) for name, part in parts}

    def content_hash(self) -> str:
        """Hash of the order of the pairs."""
        return order_hash(*(a for part in self.data().values() for a in (part.x, part.y)))

    def tiny(self) -> EdgeTransformer:
        return replace(self, modulus=4, width=4)

    def problem(self, setup: Setup) -> SquaredProblem:
        from trainables.edge.module_problem import SquaredProblem
        from trainables.edge.networks import PairReader

        return SquaredProblem(
            lambda: PairReader(self.modulus, self.width, HEADS),
            self.data(),
            self.modulus,
            name=self.name,
            setup=setup,
        )

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the metric of the training frequencies."""
        return frequencies(self.data()["train"].y, self.data()[split].y, self.modulus)


def edge_transformer(*, width: int = WIDTH, data_seed: int = 0) -> EdgeTransformer:
    """Return the task; see ``EdgeTransformer`` for the options."""
    return EdgeTransformer(width=width, data_seed=data_seed)
