"""The area under the ROC curve, and scores that need no training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import trainables
from trainables.graphs import block_graphs, known_graphs
from trainables.graphs.graph_convolution import LinkProblem
from trainables.graphs.graphs import Pairs, SplitLinks
from trainables.graphs.link_scores import auc_error, rate_loss, untrained
from trainables.setup import Setup

FEW_VALUES = st.lists(st.integers(-3, 3), min_size=1, max_size=12)
REALS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)


@given(edges=FEW_VALUES | REALS, others=FEW_VALUES | REALS)
def test_auc_is_the_one_of_scikit_learn_with_ties(edges: list[float], others: list[float]) -> None:
    labels = [1] * len(edges) + [0] * len(others)
    expected = 1 - roc_auc_score(labels, [*edges, *others])
    found = auc_error(np.array(edges, float), np.array(others, float))
    assert found == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize(
    ("edges", "others", "error"),
    [
        ([2.0], [1.0], 0.0),
        ([1.0], [2.0], 1.0),
        ([1.0, 1.0], [1.0], 0.5),
        ([3.0, 1.0], [2.0, 1.0], 0.375),
        ([math.inf], [0.0], 0.0),
    ],
)
def test_auc_by_hand(edges: list[float], others: list[float], error: float) -> None:
    assert auc_error(np.array(edges), np.array(others)) == error


@pytest.mark.parametrize("place", [0, 1])
def test_a_score_that_is_not_a_number_has_no_auc(place: int) -> None:
    scores = [np.array([1.0, 2.0]), np.array([0.0, 3.0])]
    scores[place][1] = math.nan
    assert math.isnan(auc_error(*scores))


def test_untrained_scores_against_plain_loops() -> None:
    data = known_graphs.karate_club().data()
    friends: dict[int, set[int]] = {u: set() for u in range(34)}
    for u, v in data.train.edges.tolist():
        friends[u].add(v)
        friends[v].add(u)
    sides = (data.test.edges.tolist(), data.test.others.tolist())
    common = [np.array([len(friends[u] & friends[v]) for u, v in side]) for side in sides]
    degree = [np.array([len(friends[u]) * len(friends[v]) for u, v in side]) for side in sides]
    found = untrained(data, "test")
    assert {name: found[name] for name in ("constant", "common neighbors", "degree product")} == {
        "constant": 0.5,
        "common neighbors": auc_error(*common),
        "degree product": auc_error(*degree),
    }


def test_scores_of_the_features_are_the_networks_with_unit_weights() -> None:
    """Features that the relu leaves alone; sparse ones too."""
    club, papers = known_graphs.karate_club().data(), known_graphs.cora_sample().data()
    for data in (club, papers):
        count = data.features.shape[1]
        start = [torch.eye(count, dtype=torch.float64)[None] for _ in range(2)]
        setup = Setup.check([0], penalty=0, test_unlocked=True, device="cpu", dtype="float64")
        network = LinkProblem(data, start, setup, name="any", dropout=0.0)
        expected = float(network.evaluate("test")["auc_error"])
        assert untrained(data, "test")["spread features"] == pytest.approx(expected, abs=1e-12)
    x = np.asarray(club.features)
    sides = club.test.edges.T, club.test.others.T
    alone = auc_error(*((x[u] * x[v]).sum(1) for u, v in sides))
    assert untrained(club, "test")["features"] == alone


@pytest.mark.parametrize("size", ["small", "medium", "large", "calibration"])
def test_no_random_network_is_better_than_the_best_of_them(size: str) -> None:
    task = trainables.get(f"link_prediction_{size}")
    errors = task.make(range(5), test_unlocked=True).evaluate("test")["auc_error"]
    assert min(task.trivial("test").values()) < errors.mean()


def test_rates_by_hand() -> None:
    """Two nodes of one side: 3 of 4 edges, 1 of 4 others, each group one more."""
    edges, others = [(0, 1), (0, 1), (0, 1), (0, 2)], [(0, 1), (0, 2), (1, 2), (1, 2)]
    pairs = Pairs(np.array(edges), np.array(others))
    data = SplitLinks(3, np.zeros((3, 1), np.float32), pairs, pairs, pairs)
    sides = np.array([0, 0, 1])
    loss = rate_loss(data, "val", lambda u, v: (sides[u] == sides[v]).astype(int))
    within, across = (4 / 6) / (4 / 6 + 2 / 6), (2 / 6) / (2 / 6 + 4 / 6)
    edge = (3 * math.log(within) + math.log(across)) / 4
    other = (math.log(1 - within) + 3 * math.log(1 - across)) / 4
    assert loss == pytest.approx(-edge - other)


def test_trivial_scores_of_the_tasks() -> None:
    """In a block graph degrees tell nothing, common neighbors something."""
    values = block_graphs.calibration().trivial("val")
    assert values["constant"] == 0.5
    assert values["degree product"] == pytest.approx(0.5, abs=0.06)
    assert 0.1 < values["common neighbors"] < 0.25
    club = known_graphs.karate_club().trivial("test")
    share = 78 / (34 * 33 / 2)
    assert club["even odds"] == pytest.approx(2 * math.log(2))
    assert club["rates by faction"] == pytest.approx(1.277, abs=0.01)
    assert club["rates by friends"] == pytest.approx(1.35, abs=0.05)
    assert club["share of edges"] == pytest.approx(-math.log(share * (1 - share)))
