"""The owners' formats, read from tiny files made on the spot; and files that are not of them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_files as made

from flowadam.datasets import archives, cifar, cora, jester, movielens, storage
from flowadam.datasets.base import Arrays


def files(folder: Path, contents: dict[str, bytes]) -> dict[str, Path]:
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def read_sheet(sheet: np.ndarray, folder: Path) -> Arrays:
    archive = made.zipped({"jester-data-1.xls": made.xls(sheet)})
    return jester.convert(files(folder, {"archive": archive}))


def test_a_sheet_becomes_ratings_in_row_major_order(tmp_path: Path) -> None:
    sheet = made.jester_sheet()
    arrays = read_sheet(sheet, tmp_path)
    there = [(u, i) for u in range(made.ROWS) for i in range(100) if sheet[u, 1 + i] != 99]
    pairs = zip(arrays["user"].tolist(), arrays["item"].tolist(), strict=True)
    assert list(pairs) == there
    wanted = [np.float32(sheet[u, 1 + i]) for u, i in there]
    assert arrays["rating"].tolist() == wanted and arrays["rating"].dtype == np.float32


def test_a_sheet_whose_counts_are_wrong_is_refused(tmp_path: Path) -> None:
    sheet = made.jester_sheet()
    count = int(sheet[1, 0])
    sheet[1, 0] += 1
    with pytest.raises(ValueError, match=rf"row 2: {count} instead of {count + 1}"):
        read_sheet(sheet, tmp_path)


def test_lines_become_ratings_with_their_folds(tmp_path: Path) -> None:
    rows, folds = made.movielens_rows(), np.arange(10) % 5 + 1
    members = made.movielens_members(rows, folds, [0, 9], [3])
    arrays = movielens.convert(files(tmp_path, {"archive": made.zipped(members)}))
    columns = [arrays[name] for name in ("user", "item", "rating", "timestamp")]
    assert np.array_equal(np.stack(columns, axis=1), rows)
    assert arrays["fold"].tolist() == folds.tolist()
    assert np.flatnonzero(arrays["ua_test"]).tolist() == [0, 9]
    assert np.flatnonzero(arrays["ub_test"]).tolist() == [3]
    assert {name: a.dtype.name for name, a in arrays.items()} == movielens.FACTS.columns


# member, its new text (None: the old one of u1.test), and what the sentence says
BROKEN_LINES = {
    "cut": ("u.data", b"1\t1\t3\t88000", "u.data in it is no list"),
    "empty": ("u.data", b"", "u.data in it is no list"),
    "comma": ("u3.test", b"1,1,3,880000\n", "u3.test in it is no list"),
    "not there": ("u2.test", b"9\t9\t3\t880000\n", "ratings of u2.test in u.data: 0 instead of 1"),
    "two folds": ("u2.test", None, "folds of a rating"),
    "twice": ("u.data", b"1\t1\t3\t88\n1\t1\t4\t89\n", "distinct pairs"),
}


@pytest.mark.parametrize("case", BROKEN_LINES)
def test_lines_of_another_form_are_refused(case: str, tmp_path: Path) -> None:
    member, text, sentence = BROKEN_LINES[case]
    folds = np.arange(10) % 5 + 1
    members = made.movielens_members(made.movielens_rows(), folds, [0], [1])
    members[f"ml-100k/{member}"] = members["ml-100k/u1.test"] if text is None else text
    with pytest.raises(ValueError, match=sentence):
        movielens.convert(files(tmp_path, {"archive": made.zipped(members)}))


def test_batches_become_images_in_the_official_order(tmp_path: Path) -> None:
    data, labels = made.cifar_images()
    arrays = cifar.convert(files(tmp_path, {"archive": made.tarred(made.cifar_members())}))
    assert np.array_equal(arrays["x_train"].reshape(100, -1), data[:100])
    assert np.array_equal(arrays["x_test"].reshape(10, -1), data[100:])
    assert arrays["y_train"].tolist() == labels[:100].tolist()
    assert arrays["train_index"].tolist() == list(range(100))
    scaled = data[:100].reshape(100, 3, 1024) / 255
    moments = (*scaled.mean(axis=(0, 2)), *scaled.std(axis=(0, 2)))
    assert cifar.channel_moments(arrays["x_train"]) == pytest.approx(moments, abs=6e-5)
    facts = cifar.ImageFacts(
        train=10,
        test=1,
        first_train=tuple(labels[:10].tolist()),
        first_test=tuple(labels[100:].tolist()),
        mean=cifar.channel_moments(arrays["x_train"])[:3],
        deviation=cifar.channel_moments(arrays["x_train"])[3:],
    )
    facts.check(arrays)
    assert arrays.keys() == cifar._layout(1, 1).keys()


IMAGE_FAULTS: dict[str, Callable[[Arrays], object]] = {
    "train images a class": lambda a: np.put(a["y_train"], 50, (a["y_train"][50] + 1) % 10),
    "first test labels": lambda a: a.update(y_test=np.roll(a["y_test"], 1)),
    "official order": lambda a: a.update(test_index=a["test_index"][::-1]),
    "mean and deviation": lambda a: a.update(x_train=255 - a["x_train"]),
    "shape of x_test": lambda a: a.update(x_test=a["x_test"][:9]),
    "type of y_train": lambda a: a.update(y_train=a["y_train"].astype(np.int64)),
    "arrays": lambda a: a.pop("classes"),
}


@pytest.mark.parametrize("fault", IMAGE_FAULTS)
def test_images_that_are_not_the_published_ones_are_refused(fault: str, tmp_path: Path) -> None:
    arrays = cifar.convert(files(tmp_path, {"archive": made.tarred(made.cifar_members())}))
    moments = cifar.channel_moments(arrays["x_train"])
    first = tuple(arrays["y_train"][:10].tolist()), tuple(arrays["y_test"].tolist())
    facts = cifar.ImageFacts(10, 1, *first, mean=moments[:3], deviation=moments[3:])
    IMAGE_FAULTS[fault](arrays)
    with pytest.raises(ValueError, match=fault):
        facts.check(arrays)


@pytest.mark.parametrize("protocol", [1, 2])
def test_planetoid_files_become_a_graph_in_its_own_order(protocol: int, tmp_path: Path) -> None:
    wanted = made.tiny_graph()
    contents = made.planetoid_files(wanted, train=6, test=10, protocol=protocol)
    arrays = cora.convert(files(tmp_path, contents))
    assert arrays.keys() == wanted.keys()
    for name, array in wanted.items():
        assert np.array_equal(arrays[name], array) and arrays[name].dtype == array.dtype, name


BROKEN_GRAPH = {
    "graph": ({0: [1], 1: [0]}, "graph does not list"),
    "y": (np.ones((6, 7)), "y is no matrix with a single one"),
    "tx": (np.eye(10), "tx is no sparse matrix"),
    "ally": (np.eye(7), "test nodes"),
}


@pytest.mark.parametrize("name", BROKEN_GRAPH)
def test_planetoid_files_that_do_not_belong_together_are_refused(name: str, tmp_path: Path) -> None:
    content, sentence = BROKEN_GRAPH[name]
    contents = made.planetoid_files(made.tiny_graph(), train=6, test=10)
    contents[name] = made.python2_pickle(content)
    with pytest.raises(ValueError, match=sentence):
        cora.convert(files(tmp_path, contents))


def tar_with_link() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    return out.getvalue()


def flipped(content: bytes) -> bytes:
    """Return the bytes with one in the middle changed: inside the packed member."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


NOISE = np.random.default_rng(3).bytes(5000)
ZIP, TAR = made.zipped({"a": NOISE}), made.tarred({"a": NOISE})
BROKEN_ARCHIVES = {
    "zip: page": (archives.zip_members, b"<html>", "no whole zip"),
    "zip: cut": (archives.zip_members, ZIP[:-300], "no whole zip"),
    "zip: changed": (archives.zip_members, flipped(ZIP), "no whole zip"),
    "zip: without": (archives.zip_members, made.zipped({"b": b"x"}), "it holds no a"),
    "zip: up": (archives.zip_members, made.zipped({"a": b"", "../evil": b""}), "leads out"),
    "zip: root": (archives.zip_members, made.zipped({"a": b"", "/evil": b""}), "leads out"),
    "zip: back": (archives.zip_members, made.zipped({"a": b"", "..\\evil": b""}), "leads out"),
    "zip: bomb": (archives.zip_members, made.zipped({"a": bytes(10**6)}), "larger than"),
    "tar: page": (archives.tar_members, b"<html>", "no whole tar.gz"),
    "tar: cut": (archives.tar_members, TAR[:-300], "no whole tar.gz"),
    "tar: changed": (archives.tar_members, flipped(TAR), "no whole tar.gz"),
    "tar: without": (archives.tar_members, made.tarred({"b": b"x"}), "it holds no a"),
    "tar: up": (archives.tar_members, made.tarred({"a": b"", "x/../../evil": b""}), "leads out"),
    "tar: link": (archives.tar_members, tar_with_link(), "no plain file"),
    "tar: bomb": (archives.tar_members, made.tarred({"a": bytes(10**6)}), "larger than"),
}


@pytest.mark.parametrize("case", BROKEN_ARCHIVES)
def test_archives_that_are_not_whole_or_not_safe_are_refused(case: str, tmp_path: Path) -> None:
    read, content, sentence = BROKEN_ARCHIVES[case]
    path = tmp_path / "archive"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        read(path, ["a"], most=10_000)
    assert list(tmp_path.iterdir()) == [path]


def test_archives_give_members_in_the_order_asked(tmp_path: Path) -> None:
    for read, pack in ((archives.zip_members, made.zipped), (archives.tar_members, made.tarred)):
        (tmp_path / "archive").write_bytes(pack({"b": b"2", "a": b"1"}))
        assert read(tmp_path / "archive", ["a", "b"], most=1) == [b"1", b"2"]


BROKEN_WORKBOOKS = {
    "page": b"<html></html>",
    "cut": made.xls(made.jester_sheet())[:1500],
    "new format": made.zipped({"xl/workbook.xml": b""}),
    "empty": b"",
}


@pytest.mark.parametrize("case", BROKEN_WORKBOOKS)
def test_what_is_no_workbook_is_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"no \.xls workbook of numbers"):
        jester.workbook(BROKEN_WORKBOOKS[case])


def test_stored_arrays_come_back_and_never_as_pickles(tmp_path: Path) -> None:
    column = {"a": np.arange(3, dtype=np.int16), "b": np.array([True, False, True])}
    for name in ("x.parquet", "x.npz"):
        storage.write(tmp_path / name, column)
        back = storage.read(tmp_path / name)
        assert all(
            np.array_equal(back[k], v) and back[k].dtype == v.dtype for k, v in column.items()
        )
        assert all(array.flags.writeable and array.flags.owndata for array in back.values())
    np.savez(tmp_path / "evil.npz", a=np.array([object()]))
    with pytest.raises(ValueError, match="no whole npz file of plain arrays"):
        storage.read(tmp_path / "evil.npz")
    with pytest.raises(ValueError, match="allow_pickle"):
        storage.write(tmp_path / "o.npz", {"a": np.array([object()])})
    assert not list(tmp_path.glob("o.npz*")) and zipfile.is_zipfile(tmp_path / "x.npz")
