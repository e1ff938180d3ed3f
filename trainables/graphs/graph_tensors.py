"""The constant tensors of link prediction, with the sparse products that read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.graphs.graphs import Features, Pairs, SparseRows, SplitLinks
from trainables.graphs.sparse import by_rows, compressed
from trainables.setup import Setup


@dataclass(frozen=True, eq=False)
class LabeledPairs:
    """Pairs as tensors: int64 nodes [2, n] and, in that order, how many of them are edges."""

    nodes: Tensor
    edges: int

    def scores(self, z: Tensor) -> Tensor:
        """Return the log odds z_u . z_v, [n]."""
        u, v = self.nodes
        return (z.index_select(0, u) * z.index_select(0, v)).sum(1)

    def bce(self, scores: Tensor) -> Tensor:
        """Return the mean -log sigmoid(s) of edges plus the mean -log sigmoid(-s) of others."""
        found, others = scores[: self.edges], scores[self.edges :]
        return F.softplus(-found).mean() + F.softplus(others).mean()


def labeled(pairs: Pairs, setup: Setup) -> LabeledPairs:
    """Copy `pairs` to the problem's device, edges first."""
    return LabeledPairs(setup.index(pairs.joined().T), len(pairs.edges))


class TrainingPairs:
    """The data part L of the loss, and its gradient by the node vectors in closed form.

    With p_t = dL/ds_t, dL/dz_u is the sum of p_t z_v over the pairs of u: a product of Z with the
    symmetric sparse matrix of the p_t, whose places never change. The rows of Z that the pairs pick
    are written into the same memory at every call: they are the largest tensors, and the C library
    would give them back to the system and clear them anew each time.

    Args:
        width: columns of Z.
    """

    def __init__(self, data: SplitLinks, width: int, setup: Setup) -> None:
        self.pairs = labeled(data.train, setup)
        u, v = self.pairs.nodes
        count, others = len(u), len(u) - self.pairs.edges
        self._sign = setup.tensor(torch.ones(count))
        self._sign[: self.pairs.edges] = -1
        self._weight = self._sign.clone().div_(others)
        self._weight[: self.pairs.edges] = -1 / self.pairs.edges
        self._rows = [self._sign.new_empty(count, width) for _ in range(2)]
        self._shape = (data.nodes, data.nodes)
        both = torch.cat([u, v]), torch.cat([v, u])
        places, order = by_rows(*both, self._sign.repeat(2), self._shape)
        self._places, self._pair = (places.crow_indices(), places.col_indices()), order % count

    def loss_and_pull(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return L, 0-d, and dL/dZ."""
        left, right = (
            torch.index_select(z, 0, nodes, out=rows)
            for nodes, rows in zip(self.pairs.nodes, self._rows, strict=True)
        )
        signed = left.mul_(right).sum(1).mul_(self._sign)
        loss = torch.dot(F.softplus(signed), self._weight * self._sign)
        slopes = signed.sigmoid_().mul_(self._weight)
        matrix = compressed(*self._places, slopes.index_select(0, self._pair), self._shape)
        return loss, matrix @ z


class InputLayer:
    """The linear map W -> A X W and its transpose.

    Dense features are multiplied by A once for all; sparse ones are kept, since A X is fuller.
    """

    def __init__(self, spread: Tensor, features: Features, setup: Setup) -> None:
        if isinstance(features, SparseRows):
            x, transposed = sparse_features(features, setup)
            self._forward, self._backward = (x, spread), (spread, transposed)
        else:
            product = spread @ setup.tensor(features)
            self._forward, self._backward = (product,), (product.t(),)

    def forward(self, w: Tensor) -> Tensor:
        """Return A X w."""
        for matrix in self._forward:
            w = matrix @ w
        return w

    def backward(self, g: Tensor) -> Tensor:
        """Return (A X)^T g."""
        for matrix in self._backward:
            g = matrix @ g
        return g


def spreading(data: SplitLinks, setup: Setup) -> Tensor:
    """Return D^-1/2 (adjacency + I) D^-1/2 of the training edges, sparse, D its row sums."""
    u, v = setup.index(data.train.edges.T)
    nodes = torch.arange(data.nodes, device=u.device)
    rows, columns = torch.cat([u, v, nodes]), torch.cat([v, u, nodes])
    root = torch.bincount(rows, minlength=data.nodes).double().rsqrt()
    values = setup.tensor(root[rows] * root[columns])
    return by_rows(rows, columns, values, (data.nodes, data.nodes))[0]


def sparse_features(features: SparseRows, setup: Setup) -> tuple[Tensor, Tensor]:
    """Return X and its transpose."""
    starts, columns = setup.index(features.starts), setup.index(features.columns)
    rows = torch.repeat_interleave(
        torch.arange(len(starts) - 1, device=starts.device), starts.diff()
    )
    values, (n, f) = setup.tensor(np.ones(len(columns))), features.shape
    return compressed(starts, columns, values, (n, f)), by_rows(columns, rows, values, (f, n))[0]
