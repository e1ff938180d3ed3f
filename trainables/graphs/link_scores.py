"""How well scores tell edges from other pairs, and scores that need no training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flowadam.task import Split
from trainables.graphs.graphs import SparseRows, SplitLinks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Scores = NDArray[np.floating]
Nodes = NDArray[np.integer]


def auc_error(edges: Scores, others: Scores) -> float:
    """Return 1 - AUC: the chance that another pair scores above an edge, ties counted half.

    Args:
        edges, others: scores [n] and [m].

    Returns:
        A number in [0, 1]; 0.5 for scores that tell nothing; nan where a score is nan.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([edges, others]))
    n, m = len(edges), len(others)
    return 1 - float(ranks[:n].sum() - n * (n + 1) / 2) / (n * m)


def untrained(data: SplitLinks, split: Split) -> Mapping[str, float]:
    """Return the AUC error of five scores of a pair that need no training.

    They read the training edges and the features alone. "constant" is the same for all pairs,
    "common neighbors" their number, "degree product" the product of both nodes' degrees
    (preferential attachment), "features" the product x_u . x_v, and "spread features" that of the
    rows of A A X: what the network computes with unit weights and no relu. The last one is what
    training has to beat; a network with random weights only blurs it.
    """
    adjacent, x = _adjacent(data), _features(data)
    degrees = np.asarray(adjacent.sum(1))
    spread = _spread(adjacent, degrees)
    z = spread @ (spread @ x)
    part = data.part(split)
    scores = {
        "constant": lambda u, v: np.zeros(len(u)),
        "common neighbors": common_neighbors(data),
        "degree product": lambda u, v: degrees[u] * degrees[v],
        "features": lambda u, v: _products(x, u, v),
        "spread features": lambda u, v: _products(z, u, v),
    }
    return {n: auc_error(f(*part.edges.T), f(*part.others.T)) for n, f in scores.items()}


def rate_loss(data: SplitLinks, split: Split, group: Callable[[Nodes, Nodes], Nodes]) -> float:
    """Return the log loss of edges plus that of other pairs, of the rates of groups of pairs.

    A pair of group k is an edge with odds e_k : o_k, the shares of group k among the training
    edges and among the training pairs without one; every group counts one pair more than it has.

    Args:
        group: numbers k from 0 of the pairs (u, v).
    """
    part, train = data.part(split), data.train
    most = max(int(group(*pairs.T).max()) for pairs in (train.joined(), part.joined())) + 1
    edges, others = (
        (np.bincount(group(*pairs.T), minlength=most) + 1) / (len(pairs) + most)
        for pairs in (train.edges, train.others)
    )
    chance = edges / (edges + others)
    found, wrong = group(*part.edges.T), group(*part.others.T)
    return -float(np.log(chance[found]).mean() + np.log1p(-chance[wrong]).mean())


def common_neighbors(data: SplitLinks) -> Callable[[Nodes, Nodes], Nodes]:
    """Return the function that gives the number of common neighbors of pairs."""
    adjacent = _adjacent(data)
    counts = adjacent @ adjacent
    return lambda u, v: np.asarray(counts[u, v]).ravel().astype(np.int64)


def _adjacent(data: SplitLinks) -> csr_array:
    from scipy.sparse import csr_array

    u, v = data.train.edges.T
    ones, both = np.ones(2 * len(u)), (np.concatenate([u, v]), np.concatenate([v, u]))
    return csr_array((ones, both), shape=(data.nodes, data.nodes))


def _spread(adjacent: csr_array, degrees: NDArray[np.float64]) -> csr_array:
    """Return D^-1/2 (adjacency + I) D^-1/2, with D = degrees + 1."""
    from scipy.sparse import csr_array, diags_array, eye_array

    looped = csr_array(adjacent + eye_array(len(degrees)))
    root = diags_array((degrees + 1) ** -0.5)
    return csr_array(root @ looped @ root)


def _features(data: SplitLinks) -> NDArray[np.float64]:
    """Return the features as a full matrix: products of two rows are wanted, and Cora has 31 MB."""
    from scipy.sparse import csr_array

    kept = data.features
    if not isinstance(kept, SparseRows):
        return kept.astype(np.float64)
    ones = np.ones(len(kept.columns))
    return csr_array((ones, kept.columns, kept.starts), shape=kept.shape).toarray()


def _products(rows: NDArray[np.float64], u: Nodes, v: Nodes) -> Scores:
    return np.einsum("ij,ij->i", rows[u], rows[v])
