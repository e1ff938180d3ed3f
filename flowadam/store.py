"""The record of a study: ledger first, then Parquet. One writer."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowadam.durable import write_atomic as write_atomic
from flowadam.errors import FlowAdamError, InputError
from flowadam.ledger import Event, Ledger
from flowadam.parts import Parts
from flowadam.rows import CURVES, PROBES, TRIALS, Row
from flowadam.study import Study, read_study

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
FLUSH_RUNS = 500
PACKAGES = ("flowadam", "torch", "numpy", "optuna", "ray", "pytorch-optimizer", "torchdiffeq")


class Store:
    """A study's folder: ``study.toml``, ``ledger.jsonl``, ``trials/``, ``curves/``, ``probes/``.

    The last one appears with the first probe that is read. Rows go to the ledger, which the disk
    has before `append` returns; `flush` moves what is new into Parquet, by itself every 500 runs.
    Opening finishes whatever a killed writer left between the two. A reader may look at a folder
    that is being written: it sees every row that was there when it opened.

    Args:
        folder: the study's folder.
        write: take the writer's lock; without it the store is read only.

    Raises:
        FlowAdamError: another process writes to the folder.
    """

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self.folder = folder
        if not write and not (folder / "study.toml").exists():
            raise InputError(f"{folder} holds no study (no study.toml).")
        self._lock = _lock(folder) if write else None
        try:
            self._open(write)
        except BaseException:
            self._unlock()
            raise

    def _open(self, write: bool) -> None:
        self._trials = Parts(self.folder / "trials", TRIALS, write=write)
        self._curves = Parts(self.folder / "curves", CURVES, write=write)
        probes = self.folder / "probes"
        self._probes = Parts(probes, PROBES, write=write and probes.exists())
        self._ledger = Ledger(self.folder / "ledger.jsonl", write=write)
        flushed = self._trials.last_event()
        self._next = flushed + 1
        self._notes: list[Event] = []
        self._pending: list[Event] = []
        self._runs_pending = 0
        for event in self._ledger.events(rows_after=flushed):
            self._remember(event, flushed)
        self._keys = set(self._trials.read(self._waiting("trials")).column("key").to_pylist())

    @property
    def study(self) -> Study:
        return read_study(self.folder / "study.toml")

    def save_study(self, study: Study) -> None:
        """Write ``study.toml`` atomically."""
        write_atomic(self.folder / "study.toml", study.to_toml())

    def keys(self) -> frozenset[str]:
        """Return the key of every row, flushed or not."""
        return frozenset(self._keys)

    def append(self, trials: list[Row], curves: list[Row], probes: Sequence[Row] = ()) -> list[Row]:
        """Add the rows whose keys are new and return them; the first row of a key wins."""
        fresh = [row for row in trials if row["key"] not in self._keys]
        if fresh:
            keys = {row["key"] for row in fresh}
            kept = [row for row in curves if row["key"] in keys]
            read = [row for row in probes if row["key"] in keys]
            more = {"probes": read} if read else {}
            self.note({"event": "rows", "trials": fresh, "curves": kept, **more})
            self._keys |= keys
            if self._runs_pending >= FLUSH_RUNS:
                self.flush()
        return fresh

    def note(self, event: Event) -> None:
        """Write any event, numbered, to the ledger."""
        numbered = {"n": self._next, **event}
        self._ledger.append(numbered)
        self._remember(numbered)

    def notes(self, kind: str) -> list[Event]:
        """Return the ledger's events of one kind other than "rows", in order."""
        return [event for event in self._notes if event["event"] == kind]

    def flush(self) -> None:
        """Move the ledger's new rows to Parquet parts."""
        if not self._runs_pending:
            return
        first, last = self._pending[0]["n"], self._pending[-1]["n"]
        metadata = self._metadata(self.environments(with_this=True))
        # Trials last: they decide what counts as flushed.
        self._curves.write(first, last, self._waiting("curves"), metadata)
        if probes := self._waiting("probes"):
            self._probes.write(first, last, probes, metadata)
        self._trials.write(first, last, self._waiting("trials"), metadata)
        self._pending.clear()
        self._runs_pending = 0

    def compact(self) -> None:
        """Flush and join the parts of each table into one file."""
        self.flush()
        metadata = self._metadata(self.environments())
        self._curves.compact(metadata)
        self._probes.compact(metadata)
        self._trials.compact(metadata)

    def trials(self) -> pd.DataFrame:
        """Return the table of runs, one row a key."""
        return self._frame(self._trials, "trials").drop_duplicates("key", ignore_index=True)

    def rows(self) -> list[Row]:
        """Return the table of runs as mappings, None where there is no value."""
        unique: dict[str, Row] = {}
        for row in self._trials.read(self._waiting("trials")).to_pylist():
            unique.setdefault(row["key"], row)
        return list(unique.values())

    def curves(self) -> pd.DataFrame:
        """Return the table of curve points."""
        frame = self._frame(self._curves, "curves")
        return frame.drop_duplicates(["key", "grad_evals", "fraction"], ignore_index=True)

    def probes(self) -> pd.DataFrame:
        """Return the table of probe readings, empty where the study has no probes."""
        frame = self._frame(self._probes, "probes")
        return frame.drop_duplicates(["key", "probe", "grad_evals", "fraction"], ignore_index=True)

    def close(self) -> None:
        """Give up the lock; nothing is flushed."""
        self._ledger.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _frame(self, parts: Parts, name: str) -> pd.DataFrame:
        return parts.read(self._waiting(name)).to_pandas()

    def _waiting(self, name: str) -> list[Row]:
        """Return the rows of one table that are in the ledger and not in a part."""
        rows = (event for event in self._pending if event["event"] == "rows")
        return [row for event in rows for row in event.get(name, ())]

    def _remember(self, event: Event, flushed: int = -1) -> None:
        """Keep an event: as a note, and until a part holds it. Parts then leave no gap between."""
        if event["event"] == "rows":
            self._runs_pending += len(event["trials"])
        else:
            self._notes.append(event)
        if event["n"] > flushed:
            self._pending.append(event)
        self._next = max(self._next, event["n"] + 1)

    def environments(self, *, with_this: bool = False) -> list[dict[str, Any]]:
        """Return the distinct environments in which the parts were written."""
        parts = [json.loads(text)["environments"] for text in self._trials.metadata()]
        found: list[dict[str, Any]] = []
        for one in [*chain.from_iterable(parts), *([environment()] if with_this else [])]:
            if one not in found:
                found.append(one)
        return found

    def _metadata(self, environments: list[dict[str, Any]]) -> bytes:
        facts: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "environments": environments,
            "study": self.study.to_toml(),
        }
        return json.dumps(facts).encode()


def environment() -> dict[str, Any]:
    """Return what numbers depend on besides the study: machine, Python, packages."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": _processor(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    """Return the processor's model: vector units change the order of sums."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "")


def _lock(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise FlowAdamError(f"Another process is writing to {folder}.") from None
    return handle
