"""Ratings files: what is accepted, what is refused and with which sentence."""

from __future__ import annotations

import datetime
import decimal
import gzip
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

import trainables
from flowadam.errors import InputError
from trainables.cells import Cells
from trainables.completion.ratings import Ratings

USERS = [k % 5 for k in range(20)]
ITEMS = [k // 5 for k in range(20)]
RATINGS = [k % 4 + 1 for k in range(20)]
HEADER = "user,item,rating\n"
ROWS = [f"u{u},i{i},{r}" for u, i, r in zip(USERS, ITEMS, RATINGS, strict=True)]
GOOD = HEADER + "\n".join(ROWS) + "\n"


def with_row(number: int, text: str) -> str:
    """Return the good table with data row `number`, counted from 1, replaced."""
    return HEADER + "\n".join([*ROWS[: number - 1], text, *ROWS[number:]]) + "\n"


def csv(text: str, name: str = "r.csv") -> Callable[[Path], Path]:
    return raw(text.encode(), name)


def raw(data: bytes, name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def table(**columns: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        defaults = {"user": USERS, "item": ITEMS, "rating": RATINGS}
        parquet.write_table(pa.table(defaults | columns), folder / "r.parquet")
        return folder / "r.parquet"

    return write


def load(path: Path, **options: Any) -> Ratings:
    task = trainables.get("ratings", path=path, **options)
    assert isinstance(task, Ratings)
    return task


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(csv(GOOD), id="csv"),
        pytest.param(csv(GOOD, "R.CSV"), id="upper case suffix"),
        pytest.param(raw(gzip.compress(GOOD.encode()), "r.csv.gz"), id="gzip"),
        pytest.param(raw(b"\xef\xbb\xbf" + GOOD.encode(), "r.csv"), id="byte order mark"),
        pytest.param(csv(GOOD.replace("\n", "\r\n")), id="windows line ends"),
        pytest.param(csv(GOOD.replace(",", ";")), id="semicolons"),
        pytest.param(csv(GOOD.replace(",", "\t"), "r.tsv"), id="tabs"),
        pytest.param(csv(with_row(7, "u1,i1, 3 ")), id="spaces"),
        pytest.param(table(), id="numbers"),
        pytest.param(table(user=[9 - u for u in USERS]), id="falling numbers"),
        pytest.param(table(user=[f"NA{u}" for u in USERS]), id="text ids"),
        pytest.param(table(item=[bytes([i]) for i in ITEMS]), id="bytes ids"),
        pytest.param(table(item=[datetime.date(2020, 1, 1 + i) for i in ITEMS]), id="date ids"),
        pytest.param(table(user=pa.array(USERS, pa.int8())), id="small ids"),
        pytest.param(table(user=[2.0**60 + 2**20 * u for u in USERS]), id="float ids"),
        pytest.param(
            table(user=pa.DictionaryArray.from_arrays(np.array(USERS), list("zyxwvut"))),
            id="categories with spare ones",
        ),
        pytest.param(table(rating=[str(r) for r in RATINGS]), id="ratings as text"),
        pytest.param(table(rating=[decimal.Decimal(r) for r in RATINGS]), id="decimals"),
        pytest.param(table(rating=np.array(RATINGS, np.float16)), id="half precision"),
        pytest.param(table(rating=pa.array(RATINGS, pa.uint8())), id="bytes"),
        pytest.param(table(extra=[None] * 20), id="more columns"),
    ],
)
def test_one_table_in_many_forms(write: Callable[[Path], Path], tmp_path: Path) -> None:
    task = load(write(tmp_path))
    assert task.cells.rows.tolist() == USERS
    assert task.cells.cols.tolist() == ITEMS
    assert task.cells.values.tolist() == RATINGS
    assert (task.cells.rows.dtype, task.cells.values.dtype) == (np.int32, np.float32)
    assert task.content == "3e15008d6bce0e48"


def test_ids_that_look_like_numbers_or_nothing_stay_apart(tmp_path: Path) -> None:
    text = HEADER + "".join(f"{u},{i},3\n" for u in ("7", "007", "NA", "nan") for i in range(5))
    task = load(csv(text)(tmp_path))
    assert task.cells.rows.max() == 3


def test_columns_by_name(tmp_path: Path) -> None:
    path = csv(GOOD.replace("user,item,rating", "who,what,how much"))(tmp_path)
    renamed = load(path, user="who", item="what", rating="how much")
    assert renamed.fingerprint() == load(csv(GOOD, "plain.csv")(tmp_path)).fingerprint()


BAD: list[Any] = [
    pytest.param(lambda folder: folder / "no.csv", "`path` must name a file, got", id="missing"),
    pytest.param(lambda folder: folder, "`path` must name a file, got", id="folder"),
    pytest.param(
        csv(GOOD, "r.txt"),
        "`path` must end in .parquet, .csv, .csv.gz, .tsv, .tsv.gz, got 'r.txt'.",
        id="suffix",
    ),
    pytest.param(csv(""), "must be a readable table, got .*Empty CSV file", id="empty"),
    pytest.param(csv(HEADER), "A ratings file needs rows, .* has none", id="header only"),
    pytest.param(raw(b"\x00\xff\xfe" * 50, "r.csv"), "must be a readable table", id="binary"),
    pytest.param(
        raw(with_row(3, "ü,i0,3").encode("latin-1"), "r.csv"), "invalid UTF8", id="latin-1"
    ),
    pytest.param(csv("<html>404</html>"), "must be a readable table", id="html"),
    pytest.param(
        csv(with_row(3, "u1,i0,3,4")), "readable table, got .* Expected 3 columns, got 4", id="wide"
    ),
    pytest.param(csv(with_row(3, "u1,i0")), "Expected 3 columns, got 2", id="short"),
    pytest.param(raw(b"PAR1" + b"x" * 99, "r.parquet"), "must be a readable table", id="corrupt"),
    pytest.param(raw(b"", "r.parquet"), "must be a readable table", id="empty parquet"),
    pytest.param(
        raw(gzip.compress(GOOD.encode())[:40], "r.csv.gz"), "Truncated", id="truncated gzip"
    ),
    pytest.param(csv(GOOD, "r.csv.gz"), "must be a readable table", id="not gzip"),
    pytest.param(
        csv(GOOD.replace("rating", "ratings")),
        "has no column 'rating'. Did you mean 'ratings'?",
        id="column",
    ),
    pytest.param(
        csv(GOOD.replace(",", "|")),
        "has no column 'user'. Known: user|item|rating.",
        id="bars",
    ),
    pytest.param(
        csv(GOOD.replace("item", "user", 1)), "the column 'user' once, not several", id="doubled"
    ),
    pytest.param(
        csv(with_row(7, "u1,i1,good")),
        "`rating` must be a finite number, row 7 has 'good'.",
        id="text",
    ),
    pytest.param(csv(with_row(7, "u1,i1,nan")), "row 7 has 'nan'.", id="nan"),
    pytest.param(csv(with_row(7, "u1,i1,inf")), "row 7 has 'inf'.", id="inf"),
    pytest.param(csv(with_row(7, "u1,i1,1e300")), "row 7 has '1e300'.", id="overflow"),
    pytest.param(csv(with_row(7, 'u1,i1,"4,5"')), "row 7 has '4,5'.", id="decimal comma"),
    pytest.param(csv(with_row(7, "u1,i1,")), "row 7 has none.", id="no rating"),
    pytest.param(
        table(rating=[*RATINGS[:-1], None]), "finite number, row 20 has none.", id="null rating"
    ),
    pytest.param(table(rating=[True] * 20), "must hold numbers, got the type bool", id="bool"),
    pytest.param(
        table(rating=[datetime.datetime(2020, 1, 1)] * 20),
        "`rating` must hold numbers, got the type timestamp",
        id="dates",
    ),
    pytest.param(
        csv(with_row(7, ",i1,3")),
        "`user` must hold an id in every row, row 7 has none.",
        id="no user",
    ),
    pytest.param(csv(with_row(7, "u1,,3")), "`item` must hold an id in every row", id="no item"),
    pytest.param(table(item=[None, *ITEMS[1:]]), "`item` .* row 1 has none", id="null item"),
    pytest.param(
        table(user=[float("nan"), *map(float, USERS[1:])]), "`user` .* row 1", id="nan user"
    ),
    pytest.param(
        table(user=[[1]] * 20), "`user` must hold one id per row, got the type list", id="lists"
    ),
    pytest.param(
        csv(GOOD + "u1,i0,2\nu0,i0,3\n"),
        r"2 rows repeat a pair, the first is row 21 \('u1', 'i0'\)",
        id="duplicates",
    ),
    pytest.param(
        table(user=[9] * 20, item=list(range(20))),
        "`user` must hold at least two different ids, got only 9.",
        id="one user",
    ),
    pytest.param(
        table(item=["x"] * 20, user=list(range(20))),
        "`item` must hold at least two different ids, got only 'x'.",
        id="one item",
    ),
    pytest.param(
        csv(HEADER + "a,x,1\nb,y,2\n"),
        "A 70/10/20 split needs at least 10 ratings, got 2.",
        id="few",
    ),
]


@pytest.mark.parametrize(("write", "sentence"), BAD)
def test_bad_files_get_a_sentence(
    write: Callable[[Path], Path], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        load(write(tmp_path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"user": "item"}, "three different columns, got 'item', 'item' and 'rating'"),
        ({"rank": 0}, "`rank` must be a whole number of at least 1, got 0"),
        ({"rank": "big"}, "`rank` must be a whole number of at least 1, got 'big'"),
        ({"data_seed": -3}, "`data_seed` must be a whole number of at least 0, got -3"),
        ({"users": "who"}, "ratings has no option 'users'. Did you mean 'user'"),
    ],
)
def test_bad_options_get_a_sentence(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        load(csv(GOOD)(tmp_path), **options)


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.parquet"])
def test_a_pipe_is_no_table(name: str, tmp_path: Path) -> None:
    """Reading it would wait for a writer for ever."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="`path` must name a file"):
        load(tmp_path / name)


def test_a_rank_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    path = csv(GOOD)(tmp_path)
    with pytest.raises(InputError, match="`rank` must be at most 1,000, got 1,000,000"):
        load(path, rank=10**6)
    rows = np.arange(20, dtype=np.int32) * 10**6
    cells = Cells(rows, load(path).cells.cols, np.ones(20, np.float32))
    with pytest.raises(
        InputError, match="parameters, `rank` 10, 19,000,001 users and 4 items make"
    ):
        Ratings(cells=cells, content="huge", rank=10)


def test_the_split_follows_the_file_order(tmp_path: Path) -> None:
    task = load(csv(GOOD)(tmp_path), data_seed=42)
    order = np.random.default_rng(42).permutation(20)
    data = task.data()
    for part, rows in ((data.test, order[:4]), (data.val, order[4:6]), (data.train, order[6:])):
        assert part.rows.tolist() == [USERS[k] for k in rows]
        assert part.cols.tolist() == [ITEMS[k] for k in rows]
        assert part.values.tolist() == [RATINGS[k] for k in rows]
    assert data.center == pytest.approx(np.mean([RATINGS[k] for k in order[6:]]))


def test_test_ratings_change_nothing_while_locked(tmp_path: Path) -> None:
    """Two files that differ in their test ratings alone give the same locked problem."""
    task = load(csv(GOOD)(tmp_path))
    secret = task.cells.values.copy()
    secret[np.random.default_rng(0).permutation(20)[:4]] = 99.0
    other = Ratings(cells=Cells(task.cells.rows, task.cells.cols, secret), content="other")
    assert other.trivial("test") != task.trivial("test")
    assert other.trivial("val") == task.trivial("val")
    problems = [t.make([0, 1], dtype="float64") for t in (task, other)]
    assert torch.equal(problems[0].closure(), problems[1].closure())
    assert torch.equal(problems[0].evaluate("val")["rmse"], problems[1].evaluate("val")["rmse"])
    for p, q in zip(problems[0].params, problems[1].params, strict=True):
        assert p.grad is not None
        assert q.grad is not None
        assert torch.equal(p.grad, q.grad)


def test_content_decides_equality_and_fingerprint(tmp_path: Path) -> None:
    task, same = (load(csv(GOOD, name)(tmp_path)) for name in ("a.csv", "b.csv"))
    changed = load(csv(with_row(7, "u1,i1,1"))(tmp_path))
    assert task == same
    assert task.fingerprint() == same.fingerprint()
    assert task != changed
    prints = [t.fingerprint() for t in (task, changed, load(tmp_path / "a.csv", rank=3))]
    assert len(set(prints)) == 3
    assert "array" not in repr(task)


def test_read_only_arrays_are_enough(tmp_path: Path) -> None:
    """Arrays from a shared object store cannot be written to."""
    task = pickle.loads(pickle.dumps(load(csv(GOOD)(tmp_path))))
    for array in (task.cells.rows, task.cells.cols, task.cells.values):
        array.setflags(write=False)
    assert task.make([0]).closure().isfinite().all()
    assert task.tiny().make([0]).closure().isfinite().all()


def test_rmse_is_in_the_units_of_the_ratings(tmp_path: Path) -> None:
    """With factors of zero the score is that of the training mean."""
    task = load(csv(GOOD)(tmp_path))
    problem = task.make([0], test_unlocked=True, dtype="float64")
    with torch.no_grad():
        for p in problem.params:
            p.zero_()
    for split in ("val", "test"):
        expected = task.trivial(split)["constant"]
        assert float(problem.evaluate(split)["rmse"][0]) == pytest.approx(expected, rel=1e-6)


def development_file(name: str) -> Path:
    folder = os.environ.get("FLOWADAM_DATA")
    if not folder or not (Path(folder) / name).is_file():
        pytest.skip(f"needs {name} in the folder that FLOWADAM_DATA names")
    return Path(folder) / name


def test_jester() -> None:
    """Sizes, center and baselines as published for the split of seed 42."""
    task = load(development_file("jester1.parquet"), data_seed=42)
    data = task.data()
    assert data.shape == (24_983, 100)
    assert [len(p) for p in (data.train, data.val, data.test)] == [1_267_319, 181_045, 362_091]
    for k, row in enumerate([436_727, 27_492, 1_305_532]):
        assert data.test.rows[k] == task.cells.rows[row]
        assert data.test.values[k] == task.cells.values[row]
    assert data.center == pytest.approx(0.882498, abs=1e-6)
    values = task.trivial("test")
    assert values["constant"] == pytest.approx(5.2377, abs=1e-4)
    assert values["user mean"] == pytest.approx(4.6432, abs=1e-4)
    assert values["user + item"] < 4.36
    problem = task.make([0])
    optimizer = torch.optim.Adam(problem.params, lr=0.01)
    for _ in range(100):
        optimizer.step(problem.closure)
    assert 4.1 < float(problem.evaluate("val")["rmse"][0]) < 4.3


def test_movielens() -> None:
    task = load(development_file("ml100k.parquet"))
    data = task.data()
    assert data.shape == (943, 1_682)
    assert [len(p) for p in (data.train, data.val, data.test)] == [70_000, 10_000, 20_000]
    values = task.trivial("test")
    assert values["constant"] == pytest.approx(1.13, abs=0.015)
    assert values["user + item"] == pytest.approx(0.943, abs=0.012)
    problem = task.make([0, 1])
    assert problem.closure().isfinite().all()
