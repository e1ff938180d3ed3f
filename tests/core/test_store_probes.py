"""The third table of the store: as safe as the other two, and absent where nobody asked for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flowadam import store as module
from flowadam.outcome import Cost, Outcome, ProbePoint, decode, encode
from flowadam.plan import Cell, Group
from flowadam.rows import group_rows, probe_rows
from flowadam.sampling import Configuration
from flowadam.store import Store
from flowadam.study import Study

STUDY = Study(("task",), ("adam",), trials=30, probe=("trace", "triggers"))
CELL = Cell("task", "adam", 40)
MARKS = 3
NAN = float("nan")


def point(probe: str, mark: int, value: float) -> ProbePoint:
    failed = "It failed." if mark == 2 else ""
    return ProbePoint(probe, mark / 40, mark, NAN if failed else value, 0.5, 17, 2, failed)


def group(config: int, *, probed: bool = True) -> tuple[Any, Any, Any]:
    """Return the rows of one group of two seeds, with two probes at three marks."""
    members = Group("search", CELL, config, (0, 1))
    outcomes = [
        Outcome(
            seed,
            "ok",
            "cpu",
            cost=Cost(40, 40, probe_evals=102, probe_loss_evals=12, probe_seconds=0.5),
            probes=tuple(
                point(name, mark, config + mark / 3 + seed)
                for mark in range(MARKS)
                for name in STUDY.probe
                if probed
            ),
        )
        for seed in members.seeds
    ]
    assert repr(decode(encode(outcomes))) == repr(outcomes)
    rows = group_rows(STUDY, "id", members, Configuration(config, {}, {}), outcomes)
    return *rows, probe_rows("id", members, outcomes)


def made(folder: Path) -> Store:
    store = Store(folder, write=True)
    store.save_study(STUDY)
    return store


def view(store: Store) -> tuple[str, str]:
    rows = sorted(store.rows(), key=lambda row: row["key"])
    probes = store.probes().sort_values(["key", "probe", "grad_evals"]).to_csv(index=False)
    return repr(rows), probes


@pytest.fixture
def expected(tmp_path: Path) -> tuple[str, str]:
    store = made(tmp_path / "expected")
    for config in range(10):
        store.append(*group(config))
    store.compact()
    store.close()
    return view(Store(tmp_path / "expected"))


def test_readings_come_back(tmp_path: Path) -> None:
    store = made(tmp_path)
    trials, curves, probes = group(4)
    store.append(trials, curves, probes)
    for flush in (False, True):
        if flush:
            store.compact()
        frame = Store(tmp_path).probes()
        assert len(frame) == len(probes) == 2 * MARKS * 2
        found = frame.to_dict("records")
        assert repr(sorted(map(repr, found))) == repr(sorted(map(repr, probes)))
    (row, _) = store.rows()
    assert row["probe_evals"] == 102 and row["probe_loss_evals"] == 12
    assert row["probe_seconds"] == 0.5
    assert row["probe_failures"] == 2
    store.close()


def test_the_first_row_of_a_key_keeps_its_readings(tmp_path: Path) -> None:
    store = made(tmp_path)
    trials, curves, probes = group(1)
    store.append(trials[:1], curves, probes)
    assert set(store.probes()["key"]) == {trials[0]["key"]}
    other = [{**row, "value": -1.0} for row in probes]
    assert store.append(trials, curves, other) == trials[1:]
    frame = store.probes()
    mine = frame[frame["key"] == trials[0]["key"]]
    assert len(frame) == len(probes) and (mine["value"].dropna() >= 1).all()
    store.close()


def _torn(folder: Path) -> None:
    with (folder / "ledger.jsonl").open("a") as file:
        file.write('{"n": 99, "event": "rows", "trials": [], "probes": [{"key": "ab')


def _half_a_part(folder: Path) -> None:
    (folder / "probes").mkdir(exist_ok=True)
    (folder / "probes" / "part-00000000-00000099.tmp").write_bytes(b"half")


def _probes_without_trials(folder: Path) -> None:
    """Killed in a flush after the probes and before the trials."""
    shutil.rmtree(folder / "trials")


def _trials_and_probes_gone(folder: Path) -> None:
    """Killed in a flush before both."""
    shutil.rmtree(folder / "trials")
    shutil.rmtree(folder / "probes")


def _doubled(folder: Path) -> None:
    """Killed in mid-compaction: the union is there, and parts of it still are."""
    for name in ("trials", "curves", "probes"):
        (part,) = (folder / name).iterdir()
        shutil.copy(part, part.with_name("part-00000000-00000003.parquet"))


HARMS = (_torn, _half_a_part, _probes_without_trials, _trials_and_probes_gone, _doubled)


@pytest.mark.parametrize("flushed", [5, 10])
@pytest.mark.parametrize("harm", HARMS)
def test_states_that_a_kill_may_leave(
    tmp_path: Path, harm: Callable[[Path], None], flushed: int, expected: tuple[str, str]
) -> None:
    folder = tmp_path / "store"
    store = made(folder)
    for config in range(10):
        store.append(*group(config))
        if config + 1 == flushed:
            store.flush()
    store.close()
    harm(folder)
    assert view(Store(folder)) == expected
    store = made(folder)
    assert view(store) == expected
    assert store.append(*group(3)) == []
    store.compact()
    store.close()
    assert view(Store(folder)) == expected
    (part,) = (folder / "probes").iterdir()
    assert pq.read_table(part).num_rows == 10 * 2 * MARKS * 2


def test_many_rows_go_to_parquet_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(module, "FLUSH_RUNS", 6)
    store = made(tmp_path / "store")
    for config in range(10):
        store.append(*group(config))
    assert len(list((tmp_path / "store" / "probes").iterdir())) == 3
    store.compact()
    assert len(list((tmp_path / "store" / "probes").iterdir())) == 1
    store.close()
    assert view(Store(tmp_path / "store")) == expected


def test_without_probes_nothing_of_them_is_written(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.append(*group(1, probed=False))
    store.compact()
    store.close()
    assert not (tmp_path / "probes").exists()
    assert "probe" not in json.loads((tmp_path / "ledger.jsonl").read_text())
    empty = Store(tmp_path).probes()
    assert len(empty) == 0 and "value" in empty.columns


def test_probes_may_begin_in_mid_study(tmp_path: Path) -> None:
    store = made(tmp_path)
    for config, probed in enumerate((False, True, False, True)):
        store.append(*group(config, probed=probed))
        store.flush()
    assert len(list((tmp_path / "probes").iterdir())) == 2
    store.compact()
    store.close()
    again = Store(tmp_path)
    assert len(again.rows()) == 8 and len(again.probes()) == 2 * 2 * MARKS * 2


def test_a_folder_from_before_probes_still_opens(tmp_path: Path) -> None:
    """Its rows lack the columns, its ledger the key, and `probes` is not there."""
    recorded = Path(__file__).parents[2] / "studies" / "recorded" / "jester"
    shutil.copytree(recorded, tmp_path / "old")
    before = len(Store(tmp_path / "old").rows())
    store = Store(tmp_path / "old", write=True)
    assert len(store.probes()) == 0
    assert {row["probe_evals"] for row in store.rows()} == {None}
    store.append(*group(1))
    store.compact()
    store.close()
    again = Store(tmp_path / "old")
    assert len(again.rows()) == before + 2 and len(again.probes()) == 2 * MARKS * 2
