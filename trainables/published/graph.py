"""Link prediction as published: Table IV of arXiv 2604.06652, key C9.

Dropout draws from torch's global stream at every closure call, so a flow sees another loss at each
of its points. There is no validation part: edges are split 80/20, and the last iterate is scored.

What is settled here because its description leaves it open: torch draws labels, then features,
NumPy edges, their order and the other pairs; these are different pairs; and weights start by
torch's rule for linear layers. The published means come out within their tolerances.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from flowadam.task import Problem
from trainables.graphs import block_graphs
from trainables.graphs.block_graphs import FEATURE_NOISE, FILLER, BlockGraph
from trainables.graphs.graph_convolution import LinkProblem
from trainables.graphs.graphs import Edges, Pairs, SplitLinks
from trainables.graphs.link_prediction import DROPOUT
from trainables.published import draws
from trainables.published.contenders import Thresholds, adam, adamw, flowadam
from trainables.published.scenario import Claim, Scenario, tested

RATE = 0.01
THRESHOLDS: Thresholds = (0.50, 1.5, 1.0)
CLAIMS: dict[str, tuple[Claim, Claim]] = {
    "small": (Claim(0.770, 0.015), Claim(0.793, 0.020)),
    "medium": (Claim(0.730, 0.015), Claim(0.758, 0.020)),
    "large": (Claim(0.698, 0.018), Claim(0.723, 0.018)),
    "calibration": (Claim(0.846, 0.015), Claim(0.863, 0.015)),
}
"""AUC of Adam and of FlowAdam."""


class FreshMasks(LinkProblem):
    """Link prediction with a mask of its own at every call, from torch's global stream."""

    def _mask(self, r: int) -> Tensor:
        kept = torch.empty(self._shape).bernoulli_(1 - DROPOUT)
        return kept.div_(1 - DROPOUT)


def problem(task: BlockGraph, seed: int, penalty: float) -> LinkProblem:
    """Draw data and start of one seed by the generator calls of the published script."""
    torch.manual_seed(seed)
    rng = np.random.RandomState(seed)
    data = _data(task, rng)
    torch.manual_seed(seed + 1000)
    widths = (task.columns, task.hidden), (task.hidden, task.embedding)
    layers = [nn.Linear(inputs, outputs, bias=False) for inputs, outputs in widths]
    start = [layer.weight.detach().T.contiguous()[None] for layer in layers]
    setup = draws.one_run(seed, penalty)
    return FreshMasks(data, start, setup, name=task.name, dropout=DROPOUT)


def _data(task: BlockGraph, rng: np.random.RandomState) -> SplitLinks:
    n, communities = task.nodes, task.communities
    labels = torch.randint(0, communities, (n,))
    u, v = np.triu_indices(n, 1)
    alike = (labels[u] == labels[v]).numpy()
    chosen = rng.rand(len(u)) < task.chances(alike)
    edges = np.stack([u[chosen], v[chosen]], axis=1)
    shown = task.strength * torch.eye(communities)[labels]
    shown += FEATURE_NOISE * torch.randn(n, communities)
    filler = FILLER * torch.randn(n, task.columns - communities)
    rng.shuffle(edges)
    train, test = np.split(edges.astype(np.int32), [int(0.8 * len(edges))])
    taken = set(map(tuple, edges.tolist()))
    pairs = [Pairs(part, _others(part, n, taken, rng)) for part in (train, test)]
    features = torch.cat([shown, filler], dim=1).numpy()
    return SplitLinks(n, features, pairs[0], pairs[1], pairs[1])


def _others(
    edges: Edges, nodes: int, taken: set[tuple[int, int]], rng: np.random.RandomState
) -> Edges:
    """Draw as many pairs that are no edge and were not drawn before, one after the other."""
    found: list[tuple[int, int]] = []
    while len(found) < len(edges):
        u, v = sorted((rng.randint(0, nodes), rng.randint(0, nodes)))
        if u != v and (u, v) not in taken:
            taken.add((u, v))
            found.append((u, v))
    return np.array(found, dtype=np.int32)


def _auc(problem: Problem, loss: float) -> float:
    return 1 - tested("auc_error")(problem, loss)


def _scenario(size: str, task: BlockGraph) -> Scenario:
    return Scenario(
        name=task.name,
        key="C9",
        metric="test AUC",
        steps=1000,
        problem=lambda seed, penalty: problem(task, seed, penalty),
        contenders={
            "adam": adam(RATE),
            "flowadam": flowadam(RATE, THRESHOLDS),
            "adamw, decay 1e-5": adamw(RATE, 1e-5),
            "adamw, decay 1e-3": adamw(RATE, 1e-3),
            "adamw": adamw(RATE, 1e-2),
        },
        claims=dict(zip(("adam", "flowadam"), CLAIMS[size], strict=True)),
        score=_auc,
    )


SCENARIOS = {
    task.name: _scenario(size, task)
    for size, task in (
        ("small", block_graphs.small()),
        ("medium", block_graphs.medium()),
        ("large", block_graphs.large()),
        ("calibration", block_graphs.calibration()),
    )
}
