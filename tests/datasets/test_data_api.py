"""What tasks use: the folder, the sentences, and the real data where they are on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_files as made

from flowadam import datasets
from flowadam.datasets import catalog, cora, movielens, reading, storage
from flowadam.datasets.base import Arrays, DataSet
from flowadam.datasets.folder import data_folder
from flowadam.errors import InputError

HERE = os.environ.get("FLOWADAM_DATA", "")


def real(name: str) -> pytest.MarkDecorator:
    """Skip, and say so, where a real data set is not on this machine."""
    data = catalog.find(name)
    stored = [data.stored, *([data.part.stored] if data.part else [])]
    there = bool(HERE) and any((Path(HERE) / one).is_file() for one in stored)
    return pytest.mark.skipif(
        not there, reason=f"FLOWADAM_DATA points to no folder with {' or '.join(stored)}"
    )


def test_the_folder_is_the_variable_or_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWADAM_DATA", "~/somewhere")
    assert data_folder() == Path.home() / "somewhere"
    for unset in ("", None):
        monkeypatch.delenv("FLOWADAM_DATA", raising=False)
        if unset is not None:
            monkeypatch.setenv("FLOWADAM_DATA", unset)
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
        if sys.platform == "linux":
            assert data_folder() == Path("/cache/flowadam")


@pytest.mark.parametrize("name", datasets.names())
def test_what_is_not_there_is_said_with_the_command_that_gets_it(
    name: str, data_home: Path
) -> None:
    with pytest.raises(InputError, match=rf"'{name}' is not in .* `flowadam data get {name}`"):
        datasets.path(name)
    assert not data_home.exists()


def test_unknown_names_and_wrong_kinds(data_home: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'jester1'"):
        datasets.path("jester")
    with pytest.raises(InputError, match="no list of ratings"):
        datasets.ratings("cora")


def test_the_whole_goes_before_a_part(data_home: Path) -> None:
    data_home.mkdir()
    for file, words in (("cifar10_small.npz", "A part of CIFAR-10"), ("cifar10.npz", "whole")):
        (data_home / file).touch()
        assert datasets.path("cifar10") == data_home / file
        assert words in datasets.statement("cifar10")


@pytest.mark.parametrize("content", [b"", b"<html>", made.zipped({"a.npy": b"x"}), b"PAR1"])
@pytest.mark.parametrize("file", ["jester1.parquet", "cora.npz", "cifar10_small.npz"])
def test_a_damaged_file_is_refused_with_the_way_out(
    file: str, content: bytes, data_home: Path
) -> None:
    data_home.mkdir()
    (data_home / file).write_bytes(content)
    data = catalog.find(file.partition(".")[0].removesuffix("_small"))
    with pytest.raises(
        InputError, match=rf"Remove the file and run `flowadam data get {data.name}"
    ):
        reading.arrays(data)


def test_content_is_checked_once_per_file_and_again_when_it_changes(data_home: Path) -> None:
    data_home.mkdir()
    calls: list[int] = []
    wanted = made.tiny_graph()
    data = made.tiny(cora.CORA, {}, "", check=lambda arrays: calls.append(len(arrays)))
    storage.write(data_home / "cora.npz", wanted)
    first = reading.arrays(data)
    first["edges"][:] = -1
    assert np.array_equal(reading.arrays(data)["edges"], wanted["edges"]) and len(calls) == 1
    storage.write(data_home / "cora.npz", wanted | {"more": np.zeros(3)})
    reading.arrays(data)
    assert calls == [6, 7]


def test_ratings_count_from_zero_in_the_order_of_the_file(data_home: Path) -> None:
    data_home.mkdir()
    user, item, rating, timestamp = made.movielens_rows().T
    columns = {"user": user, "item": item, "rating": rating, "timestamp": timestamp}
    storage.write(data_home / "ml100k.parquet", columns)
    data = made.tiny(movielens.ML100K, {}, "", check=lambda arrays: None)
    users, items, values = reading.ratings(data)
    assert (users.dtype, items.dtype, values.dtype) == (np.int32, np.int32, np.float32)
    assert users.tolist() == (user - 1).tolist() and items.tolist() == (item - 1).tolist()
    assert values.tolist() == rating.tolist()


def test_reading_loads_neither_torch_nor_requests(data_home: Path) -> None:
    code = (
        "import sys\nfrom flowadam import datasets\n"
        "try:\n    datasets.ratings('jester1')\nexcept Exception:\n    pass\n"
        "print(sorted({'torch', 'pandas', 'pyarrow', 'requests', 'xlrd'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def changed(arrays: Arrays, name: str) -> Arrays:
    """Return the arrays with one entry of one of them changed, in the middle."""
    array = arrays[name].copy()
    place = array.size // 2
    if array.dtype.kind == "f":
        array.flat[place] += 1
    else:
        array.flat[place] ^= 1
    return arrays | {name: array}


FAULTS: dict[str, Callable[[Arrays, str], Arrays]] = {
    "one value": changed,
    "one entry fewer": lambda a, name: a | {name: a[name][:-1]},
    "another type": lambda a, name: a | {name: a[name].astype(np.float64)},
    "order": lambda a, name: a | {name: a[name][::-1]},
    "without it": lambda a, name: {k: v for k, v in a.items() if k != name},
}


def _stored(name: str) -> tuple[DataSet, Callable[[Arrays], None], Arrays]:
    data = catalog.find(name)
    path, _ = reading.located(data)
    check = data.part.check if data.part and path.name == data.part.stored else data.check
    return data, check, storage.read(path)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=real(name)) for name in datasets.names()]
)
def test_real_content_is_accepted_and_any_change_of_it_refused(name: str) -> None:
    _, check, arrays = _stored(name)
    check(arrays)
    for array in [key for key in arrays if arrays[key].dtype.kind != "U"]:
        for fault, change in FAULTS.items():
            spoilt = change(arrays, array)
            same = spoilt.keys() == arrays.keys() and np.array_equal(spoilt[array], arrays[array])
            if same and spoilt[array].dtype == arrays[array].dtype:
                continue  # a column of one value has no order
            with pytest.raises(ValueError):
                check(spoilt)
                pytest.fail(f"{array}: {fault}")


@real("jester1")
def test_real_jester_gives_the_published_split() -> None:
    users, items, values = datasets.ratings("jester1")
    assert len(users) == 1_810_455 and users.max() == 24_982 and items.max() == 99
    order = np.random.default_rng(42).permutation(len(values))
    assert order[:3].tolist() == [436_727, 27_492, 1_305_532]
    train = values[order[362_091 + 181_045 :]]
    assert len(train) == 1_267_319
    assert train.mean(dtype=np.float64) == pytest.approx(0.882498, abs=1e-6)


@real("ml100k")
def test_real_movielens_is_made_again_from_its_own_lines(tmp_path: Path) -> None:
    arrays = storage.read(datasets.path("ml100k"))
    columns = [arrays[name] for name in ("user", "item", "rating", "timestamp")]
    splits = (arrays["fold"], arrays["ua_test"], arrays["ub_test"])
    members = made.movielens_members(np.stack(columns, axis=1).astype(np.int64), *splits)
    published = "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"
    assert made.sha256(members["ml-100k/u.data"]) == published
    (tmp_path / "archive").write_bytes(made.zipped(members))
    movielens.FACTS.check(movielens.convert({"archive": tmp_path / "archive"}))


@real("cora")
def test_real_cora_is_made_again_from_its_eight_files(tmp_path: Path) -> None:
    contents = made.planetoid_files(datasets.graph(), train=140, test=1000)
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    cora.FACTS.check(cora.convert({name: tmp_path / name for name in contents}))


@real("cifar10")
def test_real_images_begin_with_the_official_labels() -> None:
    arrays = datasets.images()
    assert arrays["y_train"][:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert arrays["y_test"][:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
