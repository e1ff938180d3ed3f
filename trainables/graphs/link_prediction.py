"""What the link prediction tasks share: split, metric, model.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652), in the fair form: one data seed
fixes graph and split, and a validation part is held out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from flowadam.seeds import derive
from flowadam.task import Split
from trainables.base import BenchmarkTask
from trainables.cells import hash_arrays
from trainables.graphs.graphs import Graph, SplitLinks, split_links
from trainables.graphs.link_scores import untrained
from trainables.options import MOST_WIDTH, require_whole

if TYPE_CHECKING:
    from trainables.graphs.graph_convolution import LinkProblem
    from trainables.setup import Setup

DROPOUT = 0.1
"""Chance that an entry of the hidden layer is dropped in training, as published."""


@dataclass(frozen=True, kw_only=True)
class LinkPrediction(BenchmarkTask):
    """Tell held-out edges from pairs without one, by a graph convolution of two layers.

    The metric is "auc_error", 1 - area under the ROC curve; "bce", the log loss of edges plus that
    of other pairs, is reported beside it. Of the edges 70 % are training, 10 % validation and 20 %
    test; messages run along training edges alone. The pairs without an edge that stand against each
    part are drawn once and in no other part.

    On the random graphs the features show the communities so clearly that their plain product is
    as good as a trained network: AUC errors of .184 and .187 in the test part of the small one,
    with Adam stopped on validation, .232 and .230 in the medium one, .254 and .272 in the large
    one. What optimizers differ by there is how much of it they lose.

    Weights start as N(0, 2 / (inputs + outputs)), Glorot's rule.

    Args:
        hidden, embedding: widths of the two layers, from 1 to 4,096.
        others: pairs without an edge per edge of validation and test, from 1 to 4,096; more of
            them make a small graph's AUC finer.

    Raises:
        InputError: a number is out of its range; when a run begins, the graph is too small.
    """

    hidden: int
    embedding: int
    others: int = 1

    metric = "auc_error"
    deterministic = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for option in ("hidden", "embedding", "others"):
            require_whole(option, getattr(self, option), 1, MOST_WIDTH)

    @abstractmethod
    def graph(self, rng: np.random.Generator) -> Graph:
        """Return the whole graph, drawn from `rng` or read."""

    def data(self) -> SplitLinks:
        """Return the training, validation and test pairs."""
        return _split(self)

    def content_hash(self) -> str:
        """Hash of all pairs in order, and of the features' shape and places.

        Features are drawn after the edges, and read ones are checked where they are read.
        """
        data = self.data()
        return hash_arrays(*data.positions(), *data.feature_places())

    def problem(self, setup: Setup) -> LinkProblem:
        from trainables.graphs.graph_convolution import LinkProblem

        data = self.data()
        widths = pairwise((data.features.shape[1], self.hidden, self.embedding))
        start = setup.stacked_normal(self.name, *((w, (2 / sum(w)) ** 0.5) for w in widths))
        return LinkProblem(data, start, setup, name=self.name, dropout=DROPOUT)

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the error of scores of the graph and of the features; see `untrained`."""
        return untrained(self.data(), split)


@lru_cache(maxsize=4)
def _split(task: LinkPrediction) -> SplitLinks:
    rng = np.random.default_rng(derive("data", task.name, task.data_seed))
    return split_links(task.graph(rng), rng, task.others)
