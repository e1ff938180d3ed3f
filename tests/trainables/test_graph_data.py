"""Graphs and their splits: what is an edge, what is none, and where each pair stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trainables
from flowadam import datasets
from flowadam.errors import InputError
from trainables.graphs import block_graphs, known_graphs
from trainables.graphs.graphs import Graph, SparseRows, split_links
from trainables.graphs.link_prediction import LinkPrediction

TASKS: list[LinkPrediction] = [
    block_graphs.small(),
    block_graphs.medium(),
    block_graphs.large(),
    block_graphs.calibration(),
    known_graphs.karate_club(),
    known_graphs.cora_sample(),
]


def whole(task: LinkPrediction) -> set[tuple[int, int]]:
    """Return the edges of all three parts."""
    data = task.data()
    parts = (data.train, data.val, data.test)
    return {(int(u), int(v)) for part in parts for u, v in part.edges}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_pair_stands_once_and_in_one_part(task: LinkPrediction) -> None:
    data = task.data()
    pairs = np.concatenate(data.positions())
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.min() >= 0
    assert pairs.max() < data.nodes
    assert len(np.unique(pairs, axis=0)) == len(pairs)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_shares_are_70_10_20(task: LinkPrediction) -> None:
    data = task.data()
    count = len(whole(task))
    assert len(data.test.edges) == count // 5
    assert len(data.val.edges) == count // 10
    assert len(data.train.others) == len(data.train.edges)
    assert len(data.val.others) == task.others * len(data.val.edges)
    assert len(data.test.others) == task.others * len(data.test.edges)


def test_other_pairs_are_no_edges_of_the_graph_itself() -> None:
    """Of a graph whose edges are known from elsewhere."""
    edges = np.array([(u, v) for u in range(8) for v in range(u + 1, 8) if (u + v) % 2], np.int32)
    graph = Graph(8, edges, np.eye(8, dtype=np.float32))
    data = split_links(replace(graph), np.random.default_rng(0), others=0)
    found = np.concatenate([data.train.edges, data.val.edges, data.test.edges])
    assert {tuple(e) for e in found.tolist()} == {tuple(e) for e in edges.tolist()}
    assert len(data.train.others) > 0
    assert (data.train.others.sum(1) % 2 == 0).all()


@pytest.mark.parametrize("task", TASKS[:4], ids=lambda task: task.name)
def test_block_graphs_have_the_stated_degree_and_ratio(task: block_graphs.BlockGraph) -> None:
    communities = task.communities
    assert communities == task.nodes // 50
    edges = np.array(sorted(whole(task)))
    features = task.data().features
    assert isinstance(features, np.ndarray)
    assert features.shape == (task.nodes, task.columns)
    labels = features[:, :communities].argmax(1)
    within = (labels[edges[:, 0]] == labels[edges[:, 1]]).sum()
    u, v = np.triu_indices(task.nodes, 1)
    alike = (labels[u] == labels[v]).sum()
    odds = within / alike * (len(u) - alike) / (len(edges) - within)
    assert odds == pytest.approx(task.ratio, rel=0.12)
    assert 2 * len(edges) / task.nodes == pytest.approx(task.degree, rel=0.06)
    spread = features[:, communities:].std()
    assert spread == pytest.approx(0.5, rel=0.03)


def test_chances_by_hand() -> None:
    """Ten communities, ratio 20, degree 20 of 500: b = 0.04 / (2 + 0.9)."""
    chances = block_graphs.small().chances(np.array([True, False]))
    np.testing.assert_allclose(chances, [20 * 0.04 / 2.9, 0.04 / 2.9])


def test_the_karate_club() -> None:
    task = known_graphs.karate_club()
    data = task.data()
    degrees = np.bincount(np.array(sorted(whole(task))).ravel())
    assert (data.nodes, len(whole(task))) == (34, 78)
    assert (degrees[0], degrees[33], degrees[32]) == (16, 17, 12)
    assert isinstance(data.features, np.ndarray)
    assert (data.features[:, 2:] == np.eye(34)).all()
    assert data.features[[0, 33], :2].tolist() == [[1, 0], [0, 1]]


def test_the_sample_of_cora_is_sparse_and_small() -> None:
    features = known_graphs.cora_sample().data().features
    assert isinstance(features, SparseRows)
    assert features.shape == (60, 40)
    assert len(features.columns) == features.starts[-1] < 600


def test_cora_itself() -> None:
    try:
        datasets.path("cora")
    except InputError as missing:
        pytest.skip(str(missing))
    task = known_graphs.cora_links()
    data = task.data()
    assert (data.nodes, len(whole(task))) == (2708, 5278)
    assert isinstance(data.features, SparseRows)
    assert data.features.shape == (2708, 1433)
    assert len(data.features.columns) == 49_216
    assert all(len(p) == 527 for p in (data.val.edges, data.val.others))


def test_a_task_without_its_data_is_listed_and_refuses_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWADAM_DATA", str(tmp_path))
    known_graphs._cora.cache_clear()
    task = trainables.get("cora_links", data_seed=17)
    assert "Cora" in task.summary
    with pytest.raises(InputError, match="cora"):
        task.make([0])


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"hidden": 0}, "`hidden` must be a whole number of at least 1, got 0"),
    ({"embedding": 1.5}, "`embedding` must be a whole number of at least 1, got 1.5"),
    ({"others": 0}, "`others` must be a whole number of at least 1, got 0"),
    ({"columns": 9}, r"`columns` must be at least 10 \(communities\), got 9"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_options_out_of_range(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        replace(block_graphs.small(), **options)


def test_graphs_that_cannot_be_split() -> None:
    few = replace(block_graphs.small(), nodes=10, degree=1, columns=3)
    with pytest.raises(InputError, match="needs at least 10 of them, got"):
        few.make([0])
    full = replace(known_graphs.karate_club(), others=40)
    with pytest.raises(InputError, match="needs 936 pairs without an edge, got 483"):
        full.make([0])
