"""Undirected graphs with node features, and their edges split for link prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flowadam.errors import InputError
from flowadam.task import Split

Edges = NDArray[np.int32]
"""Pairs of nodes [n, 2], each pair once, the smaller number first."""


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A matrix of zeros and ones: row i has its ones in columns[starts[i]:starts[i + 1]]."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    shape: tuple[int, int]


Features = NDArray[np.float32] | SparseRows


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges and features [nodes, f]."""

    nodes: int
    edges: Edges
    features: Features


@dataclass(frozen=True, eq=False)
class Pairs:
    """Edges that a model should find, and pairs that are none."""

    edges: Edges
    others: Edges

    def joined(self) -> Edges:
        """Return all pairs, edges first."""
        return np.concatenate([self.edges, self.others])


@dataclass(frozen=True, eq=False)
class SplitLinks:
    """The three disjoint parts of a graph's edges; messages run along `train.edges` alone."""

    nodes: int
    features: Features
    train: Pairs
    val: Pairs
    test: Pairs

    def part(self, split: Split) -> Pairs:
        return self.val if split == "val" else self.test

    def positions(self) -> list[Edges]:
        """Return the pairs of the three parts, for hashing."""
        return [a for part in (self.train, self.val, self.test) for a in (part.edges, part.others)]

    def feature_places(self) -> list[NDArray[np.int64]]:
        """Return the shape of the features and where sparse ones stand, for hashing."""
        kept = self.features
        places = [kept.starts, kept.columns] if isinstance(kept, SparseRows) else []
        return [np.array(kept.shape), *places]


def split_links(graph: Graph, rng: np.random.Generator, others: int) -> SplitLinks:
    """Split the edges in 70 % training, 10 % validation, 20 % test, and draw as many other pairs.

    Held-out parts are rounded down. The other pairs are drawn without replacement from all pairs
    that are no edge of the graph, so no part's pairs are another's.

    Args:
        others: pairs that are no edge, per edge of validation and test; one in training.

    Raises:
        InputError: fewer than 10 edges, or too few pairs without one.
    """
    count = len(graph.edges)
    test, val = count // 5, count // 10
    train = count - test - val
    if val == 0:
        raise InputError(f"A split of a graph's edges needs at least 10 of them, got {count}.")
    order = rng.permutation(count)
    free = non_edges(graph, rng, train + (val + test) * others)
    chosen = np.split(graph.edges[order], [train, train + val])
    drawn = np.split(free, [train, train + val * others])
    parts = [Pairs(edges, pairs) for edges, pairs in zip(chosen, drawn, strict=True)]
    return SplitLinks(graph.nodes, graph.features, *parts)


def non_edges(graph: Graph, rng: np.random.Generator, count: int) -> Edges:
    """Return `count` different pairs u < v of nodes without an edge, in random order."""
    free = np.triu(np.ones((graph.nodes, graph.nodes), dtype=bool), 1)
    free[graph.edges[:, 0], graph.edges[:, 1]] = False
    places = np.flatnonzero(free)
    if len(places) < count:
        raise InputError(f"The split needs {count} pairs without an edge, got {len(places)}.")
    chosen = rng.choice(places, count, replace=False)
    return np.stack(np.unravel_index(chosen, free.shape), axis=1).astype(np.int32)
