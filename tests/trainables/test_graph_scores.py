"""The area under the ROC curve, and scores that need no training."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from trainables.graphs import block_graphs, known_graphs
from trainables.graphs.link_scores import auc_error, untrained

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
    assert untrained(data, "test") == {
        "constant": 0.5,
        "common neighbors": auc_error(*common),
        "degree product": auc_error(*degree),
    }


def test_trivial_scores_of_the_tasks() -> None:
    """In a block graph degrees tell nothing, common neighbors something."""
    values = block_graphs.calibration().trivial("val")
    assert values["constant"] == 0.5
    assert values["degree product"] == pytest.approx(0.5, abs=0.06)
    assert 0.1 < values["common neighbors"] < 0.25
    club = known_graphs.karate_club().trivial("test")
    share = 78 / (34 * 33 / 2)
    assert club["even odds"] == pytest.approx(2 * math.log(2))
    assert club["share of edges"] == pytest.approx(-math.log(share * (1 - share)))
