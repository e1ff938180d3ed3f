"""Parquet parts: whole or not there, no row twice, readable while a writer is at work."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowadam.errors import FlowAdamError
from flowadam.parts import Parts

SCHEMA = pa.schema([("key", pa.string()), ("x", pa.float64()), ("n", pa.int64())])
Rows = list[dict[str, Any]]


def rows(first: int, last: int) -> Rows:
    return [{"key": f"k{i}", "x": i / 7, "n": i} for i in range(first, last + 1)]


def filled(folder: Path, *ranges: tuple[int, int]) -> Parts:
    parts = Parts(folder, SCHEMA, write=True)
    for first, last in ranges:
        parts.write(first, last, rows(first, last), b"facts")
    return parts


def keys(parts: Parts) -> list[str]:
    return parts.read().column("key").to_pylist()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


reals = st.none() | st.floats() | st.booleans()
row_lists = st.lists(
    st.fixed_dictionaries(
        {"key": st.text(), "x": st.none() | st.floats(), "n": st.integers(-(2**63), 2**63 - 1)},
        optional={"p.real": reals, "p.text": st.none() | st.text(), "p.both": reals | st.text()},
    ),
    max_size=6,
)


@given(blocks=st.lists(row_lists, min_size=1, max_size=4))
def test_round_trip_with_columns_that_come_and_go(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[Rows]
) -> None:
    parts = Parts(tmp_path_factory.mktemp("parts"), SCHEMA, write=True)
    for number, block in enumerate(blocks[1:]):
        parts.write(number, number, block, b"")
    found = parts.read(blocks[0]).to_pylist()
    expected = [row for block in [*blocks[1:], blocks[0]] for row in block]
    assert len(found) == len(expected)
    for got, row in zip(found, expected, strict=True):
        for name in ("key", "x", "n", "p.real", "p.text"):
            value, wanted = got.get(name), row.get(name)
            if isinstance(wanted, str):
                wanted = wanted.encode("utf-8", "replace").decode()
            assert repr(value) == repr(float(wanted) if isinstance(wanted, bool) else wanted)
        assert (got.get("p.both") is None) == (row.get("p.both") is None)


def test_a_column_of_numbers_here_and_text_there_becomes_text(tmp_path: Path) -> None:
    parts = Parts(tmp_path, SCHEMA, write=True)
    parts.write(0, 0, [{"key": "a", "p.mode": 0.5}], b"")
    parts.write(1, 1, [{"key": "b", "p.mode": "soft"}, {"key": "c", "p.mode": 2.0}], b"")
    found = parts.read([{"key": "d", "p.mode": None}])
    assert found.column("p.mode").to_pylist() == ["0.5", "soft", "2.0", None]
    parts.compact(b"")
    assert parts.read().column("p.mode").to_pylist() == ["0.5", "soft", "2.0"]


def test_infinity_and_nan_stay_what_they_are(tmp_path: Path) -> None:
    parts = Parts(tmp_path, SCHEMA, write=True)
    values = [math.inf, -math.inf, math.nan, None]
    parts.write(0, 0, [{"key": "k", "x": x} for x in values], b"")
    assert repr(parts.read().column("x").to_pylist()) == repr(values)


def test_compaction_keeps_rows_and_order_in_one_file(tmp_path: Path) -> None:
    parts = filled(tmp_path, (0, 3), (4, 4), (5, 9))
    before = keys(parts)
    parts.compact(b"all")
    assert files(tmp_path) == ["part-00000000-00000009.parquet"]
    assert keys(parts) == before == [f"k{i}" for i in range(10)]
    assert parts.metadata() == [b"all"]
    assert parts.last_event() == 9


@pytest.mark.parametrize(
    "leftovers",
    [
        [(0, 9), (0, 3), (4, 9)],  # the union is written, nothing is deleted
        [(0, 9), (4, 9)],  # one is deleted
        [(0, 3), (4, 6), (4, 9)],  # a part flushed again, with more
        [(0, 9), (0, 3), (2, 3), (9, 9)],
    ],
)
def test_a_crash_in_mid_compaction_doubles_nothing(
    tmp_path: Path, leftovers: list[tuple[int, int]]
) -> None:
    filled(tmp_path, *leftovers)
    (tmp_path / "part-00000000-00000012.tmp").write_bytes(b"half a file")
    before = files(tmp_path)
    reader = Parts(tmp_path, SCHEMA)
    assert sorted(keys(reader)) == [f"k{i}" for i in range(10)]
    assert reader.last_event() == 9
    assert files(tmp_path) == before  # a reader changes nothing
    writer = Parts(tmp_path, SCHEMA, write=True)
    assert sorted(keys(writer)) == [f"k{i}" for i in range(10)]
    assert len(files(tmp_path)) < len(before)
    assert not list(tmp_path.glob("*.tmp"))
    assert len({key for f in files(tmp_path) for key in pq.read_table(tmp_path / f)["key"]}) == 10


def test_readers_at_work_while_a_writer_flushes_and_compacts(tmp_path: Path) -> None:
    """Any moment's reader sees a beginning of the events, each once."""
    stop, seen, wrong = threading.Event(), [0], []

    def read() -> None:
        parts = Parts(tmp_path, SCHEMA)
        while not stop.is_set():
            found = sorted(parts.read().column("n").to_pylist())
            if found != list(range(len(found))) or len(found) < seen[-1]:
                wrong.append(found)
            seen.append(len(found))

    reader = threading.Thread(target=read)
    parts = filled(tmp_path, (0, 0))
    reader.start()
    for number in range(1, 120):
        parts.write(number, number, rows(number, number), b"")
        if number % 5 == 0:
            parts.compact(b"")
    stop.set()
    reader.join()
    assert not wrong
    assert len(seen) > 5


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    parts = filled(tmp_path, (0, 3))
    (tmp_path / "part-00000000-00000003.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(FlowAdamError, match=r"part-00000000-00000003\.parquet is damaged"):
        parts.read()


def test_a_disk_that_refuses_leaves_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = filled(tmp_path, (0, 3))

    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flowadam.parts.sync", refuse)
    with pytest.raises(OSError, match="No space"):
        parts.write(4, 9, rows(4, 9), b"")
    assert files(tmp_path) == ["part-00000000-00000003.parquet"]


def test_other_files_in_the_folder_are_not_read(tmp_path: Path) -> None:
    parts = filled(tmp_path, (0, 3))
    (tmp_path / "notes.parquet").write_text("mine")
    assert keys(parts) == ["k0", "k1", "k2", "k3"]


def test_no_parts_give_an_empty_table(tmp_path: Path) -> None:
    table = Parts(tmp_path / "none", SCHEMA).read()
    assert table.num_rows == 0
    assert table.schema.names == SCHEMA.names
    assert not (tmp_path / "none").exists()
