"""Link prediction on random graphs with communities, in the published sizes.

Source: the benchmark of the FlowAdam paper (arXiv 2604.06652); see `link_prediction`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flowadam.errors import InputError
from trainables.graphs.graphs import Graph
from trainables.graphs.link_prediction import LinkPrediction

NODES_PER_COMMUNITY = 50

FEATURE_NOISE = 0.3
"""Standard deviation of the noise on the features that show the community."""

FILLER = 0.5
"""Standard deviation of the features that show nothing."""


@dataclass(frozen=True, kw_only=True)
class BlockGraph(LinkPrediction):
    """Nodes of c = max(3, n // 50) communities, drawn uniformly; a pair of one community is an edge
    with chance `ratio` b, any other with chance b = (degree / n) / (ratio / c + 1 - 1 / c).

    Features are `strength` times the one-hot community plus N(0, 0.3^2), then columns of
    N(0, 0.5^2) up to `columns`.

    Args:
        nodes: n.
        degree: mean number of neighbors.
        columns: of the features, at least c.
        ratio: chance of an edge within a community over that of one across.
        strength: of the community in the features.
    """

    nodes: int
    degree: float
    columns: int
    ratio: float
    strength: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.columns < (low := self.communities):
            raise InputError(f"`columns` must be at least {low} (communities), got {self.columns}.")

    @property
    def communities(self) -> int:
        return max(3, self.nodes // NODES_PER_COMMUNITY)

    def chances(self, alike: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the chance of an edge for pairs of one community (True) and of two."""
        share = 1 / self.communities
        across = self.degree / self.nodes / (self.ratio * share + 1 - share)
        return np.where(alike, across * self.ratio, across)

    def graph(self, rng: np.random.Generator) -> Graph:
        labels = rng.integers(self.communities, size=self.nodes)
        u, v = np.triu_indices(self.nodes, 1)
        chosen = rng.random(len(u)) < self.chances(labels[u] == labels[v])
        edges = np.stack([u[chosen], v[chosen]], axis=1).astype(np.int32)
        shown = self.strength * np.eye(self.communities)[labels]
        shown += FEATURE_NOISE * rng.standard_normal(shown.shape)
        filler = FILLER * rng.standard_normal((self.nodes, self.columns - self.communities))
        return Graph(self.nodes, edges, np.hstack([shown, filler]).astype(np.float32))

    def tiny(self) -> BlockGraph:
        return replace(self, nodes=30, degree=6, columns=5, hidden=6, embedding=3)


def small(*, data_seed: int = 0) -> BlockGraph:
    """Return the published graph of 500 nodes."""
    return _scenario("small", (500, 20), (24, 64, 32), 20, 4, data_seed)


def medium(*, data_seed: int = 0) -> BlockGraph:
    """Return the published graph of 600 nodes."""
    return _scenario("medium", (600, 18), (28, 72, 36), 18, 3.5, data_seed)


def large(*, data_seed: int = 0) -> BlockGraph:
    """Return the published graph of 800 nodes."""
    return _scenario("large", (800, 20), (32, 80, 40), 15, 3, data_seed)


def calibration(*, data_seed: int = 0) -> BlockGraph:
    """Return the published graph of 500 nodes whose communities are clear."""
    return _scenario("calibration", (500, 20), (24, 64, 32), 40, 6, data_seed)


def _scenario(
    size: str,
    graph: tuple[int, float],
    widths: tuple[int, int, int],
    ratio: float,
    strength: float,
    seed: int,
) -> BlockGraph:
    (nodes, degree), (columns, hidden, embedding) = graph, widths
    return BlockGraph(
        name=f"link_prediction_{size}",
        summary=f"random graph of {nodes} nodes in {nodes // NODES_PER_COMMUNITY} communities",
        budget=300,
        nodes=nodes,
        degree=degree,
        columns=columns,
        hidden=hidden,
        embedding=embedding,
        ratio=ratio,
        strength=strength,
        data_seed=seed,
    )
