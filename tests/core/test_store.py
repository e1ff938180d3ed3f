"""The store: ledger, then Parquet; nothing lost, nothing twice, and readers never in the way."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flowadam import store as module
from flowadam.durable import write_atomic
from flowadam.errors import FlowAdamError, InputError
from flowadam.outcome import Cost, CurvePoint, Outcome, Scores, decode, encode
from flowadam.plan import Cell, Group
from flowadam.rows import Row, group_rows
from flowadam.sampling import Configuration
from flowadam.store import Store, environment
from flowadam.study import Study

STUDY = Study(("task",), ("adam",), trials=30)
CELL = Cell("task", "adam", 40)


def group(config: int, seeds: int = 2, values: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """Return the rows of one group, made from its number."""
    point = Configuration(config, values or {"opt.lr": 0.1 * config}, {"opt.lr": config / 30})
    outcomes = [
        Outcome(
            seed,
            "ok",
            "cpu",
            Scores(1 / (config + 1), 2.0 / (config + 1)),
            Cost(40, 40, 0.25, 100.0),
            curve=tuple(CurvePoint(i / 40, i, i, float("nan"), i / 3) for i in range(3)),
        )
        for seed in range(seeds)
    ]
    assert decode(encode(outcomes))[0].scores == outcomes[0].scores
    return group_rows(
        STUDY, "id", Group("search", CELL, config, tuple(range(seeds))), point, outcomes
    )


def made(folder: Path) -> Store:
    store = Store(folder, write=True)
    store.save_study(STUDY)
    return store


def view(store: Store) -> tuple[str, str]:
    """Return everything in the store, as text, in an order of its own."""
    curves = store.curves().sort_values(["key", "grad_evals"]).to_csv(index=False)
    return repr(sorted(store.rows(), key=lambda row: row["key"])), curves


@pytest.fixture
def expected(tmp_path: Path) -> tuple[str, str]:
    """What a store of groups 0..9 holds."""
    store = made(tmp_path / "expected")
    for config in range(10):
        store.append(*group(config))
    store.compact()
    store.close()
    return view(Store(tmp_path / "expected"))


def check(folder: Path, expected: tuple[str, str]) -> None:
    """See that a reader has what is expected, and a writer too, who then tidies up."""
    assert view(Store(folder)) == expected
    store = made(folder)
    assert view(store) == expected
    assert store.append(*group(3)) == []
    store.compact()
    store.close()
    assert view(Store(folder)) == expected
    for name in ("trials", "curves"):
        (part,) = (folder / name).iterdir()
        keys = pq.read_table(part)["key"].to_pylist()
        assert len(keys) == {"trials": 20, "curves": 60}[name]


def test_the_first_row_of_a_key_wins(tmp_path: Path) -> None:
    store = made(tmp_path)
    trials, curves = group(1)
    assert store.append(trials, curves) == trials
    assert store.append([{**row, "val_best": -1.0} for row in trials], curves) == []
    again, more = group(1, seeds=3)
    (added,) = store.append(again, more)
    assert added["seed"] == 2
    assert [row["val_best"] for row in store.rows()] == [0.5, 0.5, 0.5]
    assert len(store.curves()) == 9
    assert store.keys() == {row["key"] for row in again}
    store.close()


def test_rows_wait_in_the_ledger_and_are_seen_at_once(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.append(*group(1))
    assert not list((tmp_path / "trials").iterdir())
    assert len(Store(tmp_path).rows()) == len(store.rows()) == 2
    store.flush()
    assert len(list((tmp_path / "trials").iterdir())) == 1
    assert len(Store(tmp_path).rows()) == len(store.rows()) == 2
    store.close()


def test_many_rows_go_to_parquet_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(module, "FLUSH_RUNS", 6)
    store = made(tmp_path)
    for config in range(10):
        store.append(*group(config))
    store.close()
    assert len(list((tmp_path / "trials").iterdir())) == 3
    check(tmp_path, expected)


def _torn(folder: Path) -> None:
    with (folder / "ledger.jsonl").open("a") as file:
        file.write('{"n": 99, "event": "rows", "trials": [{"key": "ab')


def _leftovers(folder: Path) -> None:
    (folder / "trials" / "part-00000000-00000099.tmp").write_bytes(b"half")
    (folder / "study.toml.tmp").write_text("half")


def _curves_without_trials(folder: Path) -> None:
    """Killed between the two tables of a flush."""
    shutil.rmtree(folder / "trials")


def _ledger_gone(folder: Path) -> None:
    (folder / "ledger.jsonl").unlink()


def _parts_gone(folder: Path) -> None:
    shutil.rmtree(folder / "trials")
    shutil.rmtree(folder / "curves")


def _doubled(folder: Path) -> None:
    """Killed in mid-compaction: the union is there, and parts of it still are."""
    for name in ("trials", "curves"):
        (part,) = (folder / name).iterdir()
        shutil.copy(part, part.with_name("part-00000000-00000003.parquet"))


@pytest.mark.parametrize(
    ("harm", "flushed"),
    [
        *((harm, 5) for harm in (_torn, _leftovers, _curves_without_trials, _parts_gone, _doubled)),
        *((harm, 10) for harm in (_torn, _leftovers, _parts_gone, _doubled, _ledger_gone)),
    ],
)
def test_states_that_a_kill_may_leave(
    tmp_path: Path,
    harm: Callable[[Path], None],
    flushed: int,
    expected: tuple[str, str],
) -> None:
    folder = tmp_path / "store"
    store = made(folder)
    store.note({"event": "asked", "points": [[1, {"opt.lr": 0.5}]]})
    for config in range(10):
        store.append(*group(config))
        if config + 1 == flushed:
            store.flush()
    store.close()
    harm(folder)
    check(folder, expected)


def test_notes_survive_flush_and_reopening_in_order(tmp_path: Path) -> None:
    store = made(tmp_path)
    for number in range(4):
        store.note({"event": "asked", "number": number})
        store.append(*group(number))
        if number % 2:
            store.flush()
    store.note({"event": "other"})
    store.close()
    writer = made(tmp_path)
    writer.close()
    for found in (store, Store(tmp_path), writer):
        asked = found.notes("asked")
        assert [event["number"] for event in asked] == [0, 1, 2, 3]
        assert len({event["n"] for event in asked}) == 4
        assert len(found.notes("other")) == 1
        assert found.notes("rows") == []


def test_event_numbers_go_on_after_reopening(tmp_path: Path) -> None:
    for config in range(4):
        store = made(tmp_path)
        store.append(*group(config))
        store.note({"event": "asked"})
        if config == 2:
            store.compact()
        store.close()
    numbers = [json.loads(x)["n"] for x in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert numbers == list(range(8))


def test_text_and_numbers_come_back(tmp_path: Path) -> None:
    store = made(tmp_path)
    trials, _ = group(1, seeds=1, values={"opt.mode": "soft", "opt.on": True, "opt.k": 3})
    odd: Row = {**trials[0], "message": "no \udc80 way \N{SNOWMAN}\n", "val_best": None}
    store.append([{**odd, "val_final": float("inf")}], [])
    store.compact()
    (row,) = Store(tmp_path).rows()
    assert row["message"] == "no ? way \N{SNOWMAN}\n"
    assert (row["val_best"], row["val_final"]) == (None, float("inf"))
    assert (row["p.opt.mode"], row["p.opt.on"], row["p.opt.k"]) == ("soft", 1.0, 3.0)
    store.close()


def test_columns_of_a_later_optimizer_are_empty_before(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.append(*group(1))
    store.flush()
    store.append(*group(2, values={"opt.lr": 0.1, "opt.mode": "hard"}))
    store.compact()
    store.close()
    frame = Store(tmp_path).trials().sort_values("config")
    assert frame["p.opt.mode"].isna().tolist() == [True, True, False, False]


def _hold(folder: Path, ready: Any) -> None:
    Store(folder, write=True)
    ready.set()
    threading.Event().wait()


def test_one_writer_at_a_time_and_none_after_kill_9(tmp_path: Path) -> None:
    made(tmp_path).close()
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(FlowAdamError, match="Another process is writing to"):
        Store(tmp_path, write=True)
    assert Store(tmp_path).rows() == []
    holder.kill()
    holder.join()
    Store(tmp_path, write=True).close()


def test_a_reader_beside_a_busy_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the folder succeeds and holds all groups up to some moment, each once."""
    monkeypatch.setattr(module, "FLUSH_RUNS", 6)
    store = made(tmp_path)
    stop, sizes = threading.Event(), [0]

    def look() -> None:
        while not stop.is_set():
            seen = Store(tmp_path)
            rows, curves = seen.rows(), seen.curves()
            configs = sorted(row["config"] for row in rows)
            assert configs == sorted([*range(len(configs) // 2)] * 2)
            assert len(configs) >= sizes[-1]
            assert len(curves) == 3 * len(curves["key"].unique())
            sizes.append(len(configs))

    failures: list[BaseException] = []

    def looks() -> None:
        try:
            look()
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=looks)
    reader.start()
    for config in range(100):
        store.append(*group(config))
        if config % 20 == 19:
            store.compact()
    stop.set()
    reader.join()
    store.close()
    assert not failures
    assert len(sizes) > 3


def test_no_study_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no study"):
        Store(tmp_path)


def test_environment_and_study_are_in_the_metadata(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.append(*group(1))
    store.compact()
    store.close()
    (part,) = (tmp_path / "trials").iterdir()
    facts = json.loads(pq.read_schema(part).metadata[b"flowadam"])
    assert facts == {
        "schema_version": module.SCHEMA_VERSION,
        "environments": [environment()],
        "study": STUDY.to_toml(),
    }
    assert Store(tmp_path).environments() == [environment()]


def test_environments_add_up_where_rows_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(["here", "there", "nowhere"]):
        monkeypatch.setattr(module, "environment", lambda name=name: {"machine": name})
        store = made(tmp_path)
        if name != "nowhere":
            store.append(*group(number))
        store.compact()
        store.close()
    assert Store(tmp_path).environments() == [{"machine": "here"}, {"machine": "there"}]


def test_an_atomic_write_that_fails_leaves_the_old_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.toml"
    write_atomic(path, "old")

    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flowadam.durable.sync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["study.toml"]
