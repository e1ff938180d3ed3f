"""Files in the formats of the owners, made on the spot from arrays; tiny data sets of them."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from flowadam.datasets.base import Arrays, DataSet, File, Source
from flowadam.datasets.content import digest, require, require_digest
from flowadam.datasets.cora import CORA
from flowadam.datasets.jester import JESTER1

ROWS = 3


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def jester_sheet() -> np.ndarray:
    """Return 3 people x (count + 100 jokes), two decimals, 99 where there is no rating."""
    rng = np.random.default_rng(5)
    sheet = rng.integers(-995, 1001, size=(ROWS, 101)) / 100
    sheet[:, 1:][rng.random((ROWS, 100)) < 0.4] = 99
    sheet[0, 1:3] = -9.95, 10.0
    sheet[:, 0] = (sheet[:, 1:] != 99).sum(axis=1)
    return sheet


def xls(sheet: np.ndarray) -> bytes:
    """Return a BIFF8 workbook of numbers with two decimals in an OLE2 container."""
    return ole2(biff8(sheet))


def biff8(sheet: np.ndarray) -> bytes:
    def record(kind: int, content: bytes) -> bytes:
        return struct.pack("<HH", kind, len(content)) + content

    def start(kind: int) -> bytes:
        return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 0x07CC, 0, 6))

    def line(row: int, values: np.ndarray) -> bytes:
        # An integer of hundredths, marked so by its two lowest bits.
        cells = [(round(100 * v) << 2 | 3) & 0xFFFFFFFF for v in values.tolist()]
        content = struct.pack("<HH", row, 0)
        content += b"".join(struct.pack("<HI", 0, cell) for cell in cells)
        return record(0xBD, content + struct.pack("<H", len(cells) - 1))

    end = record(0x0A, b"")
    name = b"Sheet1"
    place = len(start(5)) + 4 + 8 + len(name) + len(end)
    entry = record(0x85, struct.pack("<IBBBB", place, 0, 0, len(name), 0) + name)
    lines = b"".join(line(row, values) for row, values in enumerate(sheet))
    return start(5) + entry + end + start(0x10) + lines + end


def ole2(stream: bytes) -> bytes:
    """Return a compound file with the one stream ``Workbook``; its table is one sector."""
    stream = stream.ljust(4096, b"\0")
    stream += bytes(-len(stream) % 512)
    sectors = len(stream) // 512
    assert sectors + 2 <= 128
    chain = [*range(3, sectors + 2), 0xFFFFFFFE]
    table = struct.pack("<128I", *[0xFFFFFFFD, 0xFFFFFFFE, *chain, *[0xFFFFFFFF] * (126 - sectors)])

    def entry(name: str, kind: int, child: int, first: int, size: int) -> bytes:
        text = name.encode("utf-16-le")
        fixed = struct.pack("<HBB", len(text) + 2 if name else 0, kind, 1)
        links = struct.pack("<3I", 0xFFFFFFFF, 0xFFFFFFFF, child)
        return text.ljust(64, b"\0") + fixed + links + bytes(36) + struct.pack("<IQ", first, size)

    free = 0xFFFFFFFF
    folder = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry("Workbook", 2, free, 2, len(stream))
    folder += entry("", 0, free, 0, 0) * 2
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    head += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<109I", 0, *[free] * 108)
    return head + table + folder + stream


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tarred(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def movielens_members(rows: np.ndarray, folds: np.ndarray, ua: Any, ub: Any) -> dict[str, bytes]:
    """Return the members of the archive for lines of user, item, rating, timestamp."""

    def text(lines: np.ndarray) -> bytes:
        return b"".join(b"%d\t%d\t%d\t%d\n" % tuple(line) for line in lines.tolist())

    members = {"u.data": text(rows), "ua.test": text(rows[ua]), "ub.test": text(rows[ub])}
    members |= {f"u{k}.test": text(rows[folds == k]) for k in range(1, 6)}
    return {f"ml-100k/{name}": content for name, content in members.items()}


def movielens_rows() -> np.ndarray:
    """Return ten lines: five people, four films."""
    pairs = [(1, 1), (3, 2), (2, 4), (5, 3), (4, 1), (1, 2), (2, 3), (3, 4), (4, 2), (5, 1)]
    return np.array([(u, i, 1 + n % 5, 880_000_000 + n) for n, (u, i) in enumerate(pairs)])


class Python2Pickler(pickle._Pickler):
    """Writes strings and bytes as Python 2 wrote its strings."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_old(self, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode("latin1")
        self.write(b"T" + struct.pack("<I", len(content)) + content)
        self.memoize(text)

    dispatch[bytes] = save_old
    dispatch[str] = save_old


def python2_pickle(content: Any, protocol: int = 2) -> bytes:
    out = io.BytesIO()
    Python2Pickler(out, protocol=protocol, fix_imports=True).dump(content)
    renamed = out.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")
    return renamed.replace(b"cscipy.sparse._csr\n", b"cscipy.sparse.csr\n")


def cifar_images() -> tuple[np.ndarray, np.ndarray]:
    """Return 110 images [110, 3072] and labels: five batches of 20, then 10 for the test."""
    rng = np.random.default_rng(6)
    labels = np.concatenate([rng.permutation(np.repeat(np.arange(10), 10)), rng.permutation(10)])
    return rng.integers(0, 256, size=(110, 3072), dtype=np.uint8), labels


def cifar_members() -> dict[str, bytes]:
    data, labels = cifar_images()
    members: dict[str, bytes] = {"batches.meta": b"not looked at"}
    for k, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        span = slice(20 * k, 20 * k + 20)
        batch = {"batch_label": name, "labels": labels[span].tolist(), "data": data[span]}
        members[name] = python2_pickle({**batch, "filenames": ["a.png"] * len(data[span])})
    return {f"cifar-10-batches-py/{name}": content for name, content in members.items()}


def planetoid_files(
    arrays: Mapping[str, np.ndarray], train: int, test: int, protocol: int = 2
) -> dict[str, bytes]:
    """Return the eight files for arrays as `flowadam.datasets.graph` gives them.

    The test nodes come in another order than that of the graph, every edge is listed at both ends,
    one twice, and a node names itself.
    """
    nodes = len(arrays["y"])
    ones = np.ones(len(arrays["x_indices"]), dtype=np.float32)
    indices = arrays["x_indices"].astype(np.int32)
    words = sp.csr_matrix((ones, indices, arrays["x_indptr"]), shape=tuple(arrays["x_shape"]))
    one_hot = np.eye(int(arrays["y"].max()) + 1, dtype=np.int32)[arrays["y"]]
    order = np.random.default_rng(8).permutation(np.arange(nodes - test, nodes))
    graph: dict[int, list[int]] = defaultdict(list, {node: [] for node in range(nodes)})
    for u, v in arrays["edges"].tolist():
        graph[u].append(v)
        graph[v].append(u)
    graph[0] += [graph[0][0], 0]
    parts = {
        "x": words[:train],
        "allx": words[: nodes - test],
        "tx": words[order],
        "y": one_hot[:train],
        "ally": one_hot[: nodes - test],
        "ty": one_hot[order],
        "graph": graph,
    }
    files = {name: python2_pickle(part, protocol) for name, part in parts.items()}
    return {**files, "test.index": "".join(f"{node}\n" for node in order).encode()}


def tiny_graph() -> dict[str, np.ndarray]:
    """Return 520 nodes (6 train, 500 validation, 10 test) on a ring, 7 words."""
    nodes = 520
    ring = [(u, u + 1) for u in range(nodes - 1)]
    split = np.zeros(nodes, dtype=np.int8)
    split[:6], split[6:506], split[510:] = 1, 2, 3
    words = np.stack([np.arange(nodes) % 3, 3 + np.arange(nodes) % 4], axis=1)
    return {
        "edges": np.array(sorted([*ring, (0, nodes - 1)]), dtype=np.int32),
        "x_indptr": np.arange(0, 2 * nodes + 1, 2, dtype=np.int32),
        "x_indices": words.ravel().astype(np.int16),
        "x_shape": np.array([nodes, 7], dtype=np.int32),
        "y": (np.arange(nodes) % 7).astype(np.int16),
        "split": split,
    }


def tiny(data: DataSet, content: Mapping[str, bytes], url: str, **changes: Any) -> DataSet:
    """Return a data set whose files are these, as published at ``<url>/<name>``."""
    files = tuple(
        File(name, (Source(f"{url}/{name}", sha256(whole), len(whole)),), most=10 * len(whole))
        for name, whole in content.items()
    )
    return replace(data, files=files, about=sum(map(len, content.values())), **changes)


def tiny_jester(url: str, content: bytes | None = None) -> DataSet:
    """Return three people's ratings of a hundred jokes; `check` compares all of them."""
    sheet = jester_sheet()

    def check(arrays: Arrays) -> None:
        back = np.full((ROWS, 100), 99.0)
        back[arrays["user"], arrays["item"]] = arrays["rating"].astype(float).round(2)
        require("the sheet is as it was", bool(np.array_equal(back, sheet[:, 1:])), True)

    if content is None:
        content = jester_archive()
    return tiny(JESTER1, {"archive": content}, url, check=check)


def jester_archive() -> bytes:
    """Return the archive with something beside the workbook, so that it comes in many pieces."""
    noise = np.random.default_rng(0).bytes(200_000)
    return zipped({"jester-data-1.xls": xls(jester_sheet()), "noise": noise})


def tiny_cora(url: str) -> tuple[DataSet, dict[str, bytes]]:
    """Return the ring of 520 nodes, and its eight files."""
    wanted = digest(tiny_graph())
    files = planetoid_files(tiny_graph(), train=6, test=10)
    return tiny(CORA, files, url, check=lambda arrays: require_digest(arrays, wanted)), files
