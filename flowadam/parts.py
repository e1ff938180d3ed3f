"""Parquet parts named by the range of ledger events they hold, written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flowadam.durable import sync
from flowadam.errors import FlowAdamError

_NAME = re.compile(r"part-(\d{8})-(\d{8})\.parquet")
_TRIES = 20


class Parts:
    """A folder of Parquet files ``part-<first>-<last>.parquet`` of one table.

    Compaction writes the union under the union's range and then deletes what it replaces. Parts
    that a larger one contains, left by a crash in between, are not read, and a writer removes
    them on opening.

    Args:
        folder: created when missing, by a writer.
        schema: columns that every part has; rows may bring ``p.*`` and ``u.*`` columns of their
            own, which become doubles, or strings where a value is one.
        write: clean up after a killed writer; a reader changes nothing.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, write: bool = False) -> None:
        self.folder, self.schema = folder, schema
        if not write:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("*.tmp"):
            leftover.unlink()
        self._drop_contained()

    def write(self, first: int, last: int, rows: list[dict[str, Any]], metadata: bytes) -> None:
        """Write the rows of events first..last as one part."""
        self._write(first, last, _table(rows, self.schema), metadata)

    def read(self, waiting: Sequence[dict[str, Any]] = ()) -> pa.Table:
        """Return all parts, and rows that wait to be written, as one table, columns united."""
        return _united([*self._read_parts(), _table(list(waiting), self.schema)])

    def metadata(self) -> list[bytes]:
        """Return the metadata of every part."""
        found = [table.schema.metadata or {} for table in self._read_parts(columns=[])]
        return [data[b"flowadam"] for data in found if b"flowadam" in data]

    def last_event(self) -> int:
        """Return the number of the last event that a part holds, or -1."""
        return max((last for _, last in _ranges(self._settled())), default=-1)

    def compact(self, metadata: bytes) -> None:
        """Join all parts into one."""
        ranges = _ranges(self._names())
        if len(ranges) < 2:
            return
        last = max(last for _, last in ranges)
        self._write(min(ranges)[0], last, self.read(), metadata)
        self._drop_contained()

    def _write(self, first: int, last: int, table: pa.Table, metadata: bytes) -> None:
        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            sync(self.folder.parent)
        path = self.folder / f"part-{first:08d}-{last:08d}.parquet"
        temporary = path.with_suffix(".tmp")
        try:
            pq.write_table(table.replace_schema_metadata({b"flowadam": metadata}), temporary)
            sync(temporary)
        except OSError:
            temporary.unlink(missing_ok=True)  # a full disk needs the room
            raise
        temporary.replace(path)
        sync(self.folder)

    def _read_parts(self, columns: list[str] | None = None) -> list[pa.Table]:
        """Return the parts' tables; begin again when the writer compacts at the same time."""
        for attempt in range(_TRIES):
            names = _not_contained(self._settled())
            try:
                return [_read_one(self.folder / name, columns) for name in names]
            except FileNotFoundError:
                if attempt == _TRIES - 1:
                    raise
        return []

    def _settled(self) -> list[str]:
        """Return the names in the folder once two listings agree.

        A single listing may miss a union that appears, and its parts that vanish, meanwhile.
        """
        names = self._names()
        while names != (again := self._names()):
            names = again
        return names

    def _names(self) -> list[str]:
        if not self.folder.exists():
            return []
        return sorted(p.name for p in self.folder.iterdir() if _NAME.fullmatch(p.name))

    def _drop_contained(self) -> None:
        names = self._names()
        for name in set(names) - set(_not_contained(names)):
            (self.folder / name).unlink()


def _ranges(names: list[str]) -> list[tuple[int, int]]:
    found = (_NAME.fullmatch(name) for name in names)
    return [(int(m[1]), int(m[2])) for m in found if m]


def _not_contained(names: list[str]) -> list[str]:
    """Return the names whose range lies in no other's."""
    kept: list[str] = []
    end = -1
    # By first event, the longest first: whatever ends no later than one before it lies in that one.
    pairs = sorted(zip(_ranges(names), names, strict=True), key=lambda p: (p[0][0], -p[0][1]))
    for (_, last), name in pairs:
        if last > end:
            kept.append(name)
            end = last
    return kept


def _read_one(path: Path, columns: list[str] | None) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowInvalid) as error:
        raise FlowAdamError(f"{path} is damaged: {error}.") from None


def _united(tables: list[pa.Table]) -> pa.Table:
    """Join tables; a column that holds text in one of them becomes text in all."""
    text = {field.name for table in tables for field in table.schema if field.type == pa.string()}
    return pa.concat_tables([_as_text(t, text) for t in tables], promote_options="permissive")


def _as_text(table: pa.Table, names: set[str]) -> pa.Table:
    for index, field in enumerate(table.schema):
        if field.name in names and field.type != pa.string():
            table = table.set_column(index, field.name, table.column(index).cast(pa.string()))
    return table


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    extra = sorted({name for row in rows for name in row} - set(schema.names))
    fields = [*schema, *(pa.field(name, _type(name, rows)) for name in extra)]
    return pa.table({f.name: _column(f, rows) for f in fields}, schema=pa.schema(fields))


def _column(field: pa.Field, rows: list[dict[str, Any]]) -> list[Any]:
    values = [row.get(field.name) for row in rows]
    return [_text(v) for v in values] if field.type == pa.string() else values


def _type(name: str, rows: list[dict[str, Any]]) -> pa.DataType:
    values = [row[name] for row in rows if row.get(name) is not None]
    return pa.string() if any(isinstance(v, str) for v in values) else pa.float64()


def _text(value: Any) -> str | None:
    """Return a value as text that has a UTF-8 form: lone surrogates become question marks."""
    return None if value is None else str(value).encode("utf-8", "replace").decode()
