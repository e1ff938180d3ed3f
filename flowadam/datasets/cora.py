"""Cora in the Planetoid form: 2,708 papers, their words, classes and citations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowadam.datasets import pickles
from flowadam.datasets.base import MEGA, Arrays, DataSet, File, Source
from flowadam.datasets.content import require, require_arrays, require_digest

VALIDATION = 500
SHA256 = {
    "x": "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
    "tx": "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
    "allx": "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
    "y": "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
    "ty": "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
    "ally": "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
    "graph": "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
    "test.index": "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
}
_HOSTS = (
    "https://github.com/kimiyoung/planetoid/raw/master/data/",
    "https://github.com/tkipf/gcn/raw/master/gcn/data/",
)


def convert(files: Mapping[str, Path]) -> Arrays:
    """Return nodes in the order of the graph, each undirected edge once, words as CSR.

    Files ``all*`` hold the nodes before the test ones, files ``t*`` the test nodes in the order of
    ``test.index``. The first rows (as many as ``y`` has) are for training, 500 more for validation.

    Raises:
        ValueError: a file is not of this form, or the files do not belong together.
    """
    read = {name: path.read_bytes() for name, path in files.items()}
    loaded = {name: pickles.loads(read[name]) for name in SHA256 if name != "test.index"}
    test = np.array(read["test.index"].split(), dtype=np.int64)
    labels = {name: _labels(loaded[name], name) for name in ("y", "ty", "ally")}
    before, nodes = len(labels["ally"]), len(labels["ally"]) + len(test)
    require("test nodes", sorted(test.tolist()), list(range(before, nodes)))
    rows = _rows(loaded["allx"], "allx") + _rows(loaded["tx"], "tx")
    require("nodes with words", len(rows), nodes)
    place = np.concatenate([np.arange(before), test])
    split = np.zeros(nodes, dtype=np.int8)
    known = len(labels["y"])
    split[:known], split[known : known + VALIDATION], split[test] = 1, 2, 3
    return {
        "edges": _edges(loaded["graph"], nodes),
        **_csr([rows[row] for row in np.argsort(place)], _width(loaded["allx"])),
        "y": np.concatenate([labels["ally"], labels["ty"]])[np.argsort(place)],
        "split": split,
    }


def _labels(loaded: Any, name: str) -> np.ndarray:
    """Return the class of each row of a one-hot matrix [rows] int16."""
    if not isinstance(loaded, np.ndarray) or loaded.ndim != 2 or np.any(loaded.sum(axis=1) != 1):
        raise ValueError(f"{name} is no matrix with a single one in each row")
    return loaded.argmax(axis=1).astype(np.int16)


def _width(loaded: Any) -> int:
    shape = vars(loaded).get("_shape", vars(loaded).get("shape"))
    return int(shape[1]) if shape else 0


def _rows(loaded: Any, name: str) -> list[np.ndarray]:
    """Return the columns of the ones of each row of a CSR matrix."""
    state = vars(loaded) if isinstance(loaded, pickles.SparseState) else {}
    parts = [state.get(key) for key in ("indptr", "indices", "data")]
    if not all(isinstance(part, np.ndarray) for part in parts) or np.any(state["data"] != 1):
        raise ValueError(f"{name} is no sparse matrix of ones")
    return [np.sort(row) for row in np.split(state["indices"], state["indptr"][1:-1])]


def _csr(rows: list[np.ndarray], width: int) -> Arrays:
    ends = np.cumsum([0, *(len(row) for row in rows)])
    return {
        "x_indptr": ends.astype(np.int32),
        "x_indices": np.concatenate(rows).astype(np.int16),
        "x_shape": np.array([len(rows), width], dtype=np.int32),
    }


def _edges(graph: Any, nodes: int) -> np.ndarray:
    """Return the undirected edges of lists of neighbors [edges, 2] int32, u < v, sorted."""
    if not isinstance(graph, dict) or sorted(graph) != list(range(nodes)):
        raise ValueError("graph does not list the neighbors of every node")
    pairs = [(min(u, v), max(u, v)) for u, neighbors in graph.items() for v in neighbors if u != v]
    return np.unique(np.array(pairs, dtype=np.int32).reshape(-1, 2), axis=0)


@dataclass(frozen=True)
class GraphFacts:
    """Published facts: counts, nodes of each class and part, and `digest` of the arrays."""

    nodes: int
    edges: int
    words: int
    ones: int
    classes: tuple[int, ...]
    split: tuple[int, ...]
    sha256: str

    def check(self, arrays: Arrays) -> None:
        """Raise ValueError naming the first fact that does not hold."""
        layout: dict[str, tuple[str, tuple[int, ...]]] = {
            "edges": ("int32", (self.edges, 2)),
            "x_indptr": ("int32", (self.nodes + 1,)),
            "x_indices": ("int16", (self.ones,)),
            "x_shape": ("int32", (2,)),
            "y": ("int16", (self.nodes,)),
            "split": ("int8", (self.nodes,)),
        }
        require_arrays(arrays, layout)
        require("x_shape", tuple(arrays["x_shape"].tolist()), (self.nodes, self.words))
        require("nodes a class", tuple(np.bincount(arrays["y"]).tolist()), self.classes)
        require("nodes a part", tuple(np.bincount(arrays["split"]).tolist()), self.split)
        edges = arrays["edges"]
        inside = bool(edges.min() >= 0 and edges.max() < self.nodes)
        require("edges between nodes that exist", inside, True)
        require_digest(arrays, self.sha256)


FACTS = GraphFacts(
    nodes=2_708,
    edges=5_278,
    words=1_433,
    ones=49_216,
    classes=(351, 217, 418, 818, 426, 298, 180),
    split=(1_068, 140, 500, 1_000),
    sha256="fe2f85c7eb6bd5236e656014f2aac2b783016bc1b3a76d98bf5fd6de33ba698c",
)

CORA = DataSet(
    name="cora",
    summary="2,708 papers in 7 classes, 5,278 citations, 1,433 words",
    statement="Cora: 2,708 papers, 5,278 citations, 1,433 words, 7 classes.",
    terms=(
        "No license of the data is stated; the repository that holds them has the MIT license "
        "(2016, Zhilin Yang) for its code. Cite the references below, do not pass the data on."
    ),
    short_terms="no license stated; cite, not to be passed on",
    reference=(
        "P. Sen, G. Namata, M. Bilgic, L. Getoor, B. Gallagher, T. Eliassi-Rad: Collective "
        "Classification in Network Data. AI Magazine 29(3), 2008. Z. Yang, W. Cohen, "
        "R. Salakhutdinov: Revisiting Semi-Supervised Learning with Graph Embeddings. ICML 2016."
    ),
    page="https://github.com/kimiyoung/planetoid",
    files=tuple(
        File(name, tuple(Source(f"{host}ind.cora.{name}", sha) for host in _HOSTS), most=8 * MEGA)
        for name, sha in SHA256.items()
    ),
    about=600_000,
    stored="cora.npz",
    convert=convert,
    check=FACTS.check,
)
