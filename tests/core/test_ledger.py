"""The ledger: what was appended comes back, whatever was cut off behind it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowadam import ledger as module
from flowadam.errors import FlowAdamError
from flowadam.ledger import Ledger

values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
events = st.dictionaries(st.text(), st.one_of(values, st.lists(values)))


def same(a: Any, b: Any) -> bool:
    """Compare with nan equal to itself and 0.0 unlike -0.0."""
    return repr(a) == repr(b)


@settings(max_examples=30)
@given(written=st.lists(events))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, written: list[Any]) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    ledger = Ledger(path, write=True)
    for event in written:
        ledger.append(event)
    assert same(list(ledger.events()), written)
    ledger.close()
    assert same(list(Ledger(path).events()), written)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l", write=True)
    ledger.append({"x": [math.inf, -math.inf, math.nan, -0.0, 5e-324, 0.1 + 0.2]})
    ledger.close()
    (event,) = Ledger(tmp_path / "l").events()
    assert repr(event["x"]) == "[inf, -inf, nan, -0.0, 5e-324, 0.30000000000000004]"


@pytest.mark.parametrize("block", [1, 7, 65536])
def test_a_torn_tail_is_cut_and_appending_goes_on(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    path = tmp_path / "l"
    ledger = Ledger(path, write=True)
    for number in range(3):
        ledger.append({"n": number, "text": "x" * 20})
    ledger.close()
    whole = path.read_bytes()
    starts = [0, *(i + 1 for i, byte in enumerate(whole) if byte == ord("\n"))]
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        kept = sum(start <= size for start in starts) - 1
        assert [event["n"] for event in Ledger(path).events()] == list(range(kept))
        assert path.stat().st_size == size  # a reader changes nothing
        ledger = Ledger(path, write=True)
        ledger.append({"n": kept})
        ledger.close()
        assert [event["n"] for event in Ledger(path).events()] == list(range(kept + 1))


def test_a_disk_that_refuses_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "l", write=True)
    ledger.append({"n": 0})

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        ledger.append({"n": 1})
    monkeypatch.undo()
    assert list(Ledger(tmp_path / "l").events()) == [{"n": 0}]
    ledger.append({"n": 1})
    assert list(ledger.events()) == [{"n": 0}, {"n": 1}]
    ledger.close()


def test_flushed_rows_are_left_out_unread(tmp_path: Path) -> None:
    path = tmp_path / "l"
    broken_but_flushed = '{"n": 3, "event": "rows", "trials": [nonsense}\n'
    kept = '{"n": 4, "event": "asked"}\n{"n": 12, "event": "rows"}\n'
    path.write_text(broken_but_flushed + kept)
    assert [event["n"] for event in Ledger(path).events(rows_after=3)] == [4, 12]
    assert [event["n"] for event in Ledger(path).events(rows_after=12)] == [4]


def test_a_damaged_line_in_the_middle_is_said(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_bytes(b'{"n": 0}\n\x00\x00\xff\n{"n": 2}\n')
    with pytest.raises(FlowAdamError, match="is damaged in line 2"):
        list(Ledger(path).events())


def test_no_file_is_no_event(tmp_path: Path) -> None:
    assert list(Ledger(tmp_path / "none").events()) == []
    assert not (tmp_path / "none").exists()
