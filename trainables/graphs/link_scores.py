"""How well scores tell edges from other pairs, and scores that need no training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from flowadam.task import Split
from trainables.graphs.graphs import SplitLinks

Scores = NDArray[np.floating]


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
    """Return the AUC error of three scores of a pair that read the training edges alone.

    "constant" is the same for all pairs, "common neighbors" their number, "degree product" the
    product of both nodes' degrees (preferential attachment).
    """
    adjacent = np.zeros((data.nodes, data.nodes), dtype=np.float32)
    u, v = data.train.edges.T
    adjacent[u, v] = adjacent[v, u] = 1
    degrees = adjacent.sum(1)
    part = data.part(split)
    scores = {
        "constant": lambda u, v: np.zeros(len(u)),
        "common neighbors": lambda u, v: np.einsum("ij,ij->i", adjacent[u], adjacent[v]),
        "degree product": lambda u, v: degrees[u] * degrees[v],
    }
    return {n: auc_error(f(*part.edges.T), f(*part.others.T)) for n, f in scores.items()}
