"""Link prediction on the karate club and on Cora.

Sources: W. Zachary's karate club (1977), as networkx ships it; Cora in the form of Z. Yang et al.
(2016), read by ``flowadam.datasets.graph``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from flowadam import datasets
from flowadam.task import Split
from trainables.graphs.graphs import Graph, SparseRows
from trainables.graphs.link_prediction import LinkPrediction
from trainables.graphs.link_scores import Nodes, common_neighbors, rate_loss

SAMPLE_PAPERS, SAMPLE_WORDS = 60, 40


@dataclass(frozen=True, kw_only=True)
class KarateClub(LinkPrediction):
    """34 members of a club and their 78 friendships; features are the faction that a member joined
    when the club split, one-hot, and who the member is, one-hot.

    The metric is "bce": validation has 7 friendships, so the AUC would move in coarse steps, and it
    is nearly as good before training as after, since members of one faction are alike at once. For
    the same reason ten pairs without a friendship stand against each friendship of validation and
    test.
    """

    name: str = "karate_club"
    summary: str = "friendships of 34 members of a karate club (Zachary 1977)"
    budget: int = 100
    hidden: int = 16
    embedding: int = 8
    others: int = 10

    metric = "bce"

    def graph(self, rng: np.random.Generator) -> Graph:
        import networkx

        club = networkx.karate_club_graph()
        edges = np.sort(np.array(list(club.edges()), dtype=np.int32), axis=1)
        factions = np.array([club.nodes[member]["club"] == "Officer" for member in club])
        features = np.hstack([np.eye(2)[factions.astype(int)], np.eye(len(club))])
        return Graph(len(club), np.unique(edges, axis=0), features.astype(np.float32))

    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the log loss of even odds, of the share of friendships among all pairs, and of the
        rates of friendships by faction and by common friends, see `rate_loss`."""
        data = self.data()
        found = sum(len(part.edges) for part in (data.train, data.val, data.test))
        share = 2 * found / (data.nodes * (data.nodes - 1))
        chances = {"even odds": 0.5, "share of edges": share}
        friends = common_neighbors(data)
        groups = {"rates by faction": self._same_faction, "rates by friends": friends}
        return {
            **{name: -float(np.log(p) + np.log(1 - p)) for name, p in chances.items()},
            **{name: rate_loss(data, split, group) for name, group in groups.items()},
        }

    def _same_faction(self, u: Nodes, v: Nodes) -> Nodes:
        """Return 1 for pairs of one faction and 0 for the others."""
        features = self.data().features
        factions = np.asarray(features)[:, 0]
        return (factions[u] == factions[v]).astype(np.int64)

    def tiny(self) -> KarateClub:
        return replace(self, hidden=6, embedding=3)


@dataclass(frozen=True, kw_only=True)
class CoraLinks(LinkPrediction):
    """2,708 papers and 5,278 citations; a paper's features are its words, 1 where it has the word.

    The trivial "spread features", unit weights in the network's place, have an AUC error of .08
    here, and Adam at rate .01 reached .15 where validation was best: training, which sees 3,696
    citations, loses much of what the words tell.

    Args:
        source: "sample" is a small generated graph for listings and contract suites.

    Raises:
        InputError: when a run begins, the data set is absent; the sentence says how to get it.
    """

    name: str = "cora_links"
    summary: str = "citations among 2,708 papers by their words (Cora)"
    budget: int = 100
    hidden: int = 32
    embedding: int = 16
    source: Literal["cora", "sample"] = "cora"

    def graph(self, rng: np.random.Generator) -> Graph:
        return _cora() if self.source == "cora" else _papers(rng)

    def tiny(self) -> CoraLinks:
        """Return the generated sample with narrow layers."""
        return replace(self, source="sample", hidden=4, embedding=3)


def karate_club(*, hidden: int = 16, embedding: int = 8, data_seed: int = 0) -> KarateClub:
    """Return the karate club; see ``LinkPrediction`` for the options."""
    return KarateClub(hidden=hidden, embedding=embedding, data_seed=data_seed)


def cora_links(*, hidden: int = 32, embedding: int = 16, data_seed: int = 0) -> CoraLinks:
    """Return Cora; see ``LinkPrediction`` for the options."""
    return CoraLinks(hidden=hidden, embedding=embedding, data_seed=data_seed)


def cora_sample() -> CoraLinks:
    """Return a generated graph in Cora's place, for listings and contract suites."""
    return CoraLinks(source="sample")


@lru_cache(maxsize=1)
def _cora() -> Graph:
    data = datasets.graph()
    starts, words = (data[name].astype(np.int64) for name in ("x_indptr", "x_indices"))
    papers, count = (int(size) for size in data["x_shape"])
    return Graph(papers, data["edges"], SparseRows(starts, words, (papers, count)))


def _papers(rng: np.random.Generator) -> Graph:
    """Return papers of two topics, which share words and citations."""
    topic = rng.integers(2, size=SAMPLE_PAPERS)
    alike = topic[:, None] == topic
    edges = np.argwhere(np.triu(rng.random(alike.shape) < np.where(alike, 0.2, 0.04), 1))
    chances = np.where(topic[:, None] == np.arange(SAMPLE_WORDS) % 2, 0.2, 0.05)
    papers, words = np.nonzero(rng.random(chances.shape) < chances)
    starts = np.searchsorted(papers, np.arange(SAMPLE_PAPERS + 1))
    features = SparseRows(starts, words, chances.shape)
    return Graph(SAMPLE_PAPERS, edges.astype(np.int32), features)
