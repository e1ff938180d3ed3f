"""Parquet parts named by the range of ledger events they hold, written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flowadam.errors import FlowAdamError

_NAME = re.compile(r"part-(\d{8})-(\d{8})\.parquet")


class Parts:
    """A folder of Parquet files ``part-<first>-<last>.parquet`` of one table.

    Compaction writes the union under the union's range and then deletes what it replaces; a crash
    in between leaves parts contained in a larger one, which opening removes.

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
        tables = [self._read_one(path) for path in self._paths()]
        tables.append(_table(list(waiting), self.schema))
        return pa.concat_tables(tables, promote_options="permissive")

    def metadata(self) -> list[bytes]:
        """Return the metadata of every part."""
        found = [pq.read_schema(path).metadata or {} for path in self._paths()]
        return [data[b"flowadam"] for data in found if b"flowadam" in data]

    def last_event(self) -> int:
        """Return the number of the last event that a part holds, or -1."""
        return max((last for _, last in self._ranges()), default=-1)

    def compact(self, metadata: bytes) -> None:
        """Join all parts into one."""
        ranges = self._ranges()
        if len(ranges) < 2:
            return
        self._write(ranges[0][0], ranges[-1][1], self.read(), metadata)
        self._drop_contained()

    def _write(self, first: int, last: int, table: pa.Table, metadata: bytes) -> None:
        path = self.folder / f"part-{first:08d}-{last:08d}.parquet"
        temporary = path.with_suffix(".tmp")
        pq.write_table(table.replace_schema_metadata({b"flowadam": metadata}), temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read_one(self, path: Path) -> pa.Table:
        try:
            return pq.ParquetFile(path).read()
        except (OSError, pa.ArrowInvalid) as error:
            raise FlowAdamError(f"{path} is damaged: {error}.") from None

    def _paths(self) -> list[Path]:
        if not self.folder.exists():
            return []
        return sorted(p for p in self.folder.iterdir() if _NAME.fullmatch(p.name))

    def _ranges(self) -> list[tuple[int, int]]:
        found = (_NAME.fullmatch(p.name) for p in self._paths())
        return [(int(m[1]), int(m[2])) for m in found if m]

    def _drop_contained(self) -> None:
        for path, (first, last) in zip(self._paths(), self._ranges(), strict=True):
            others = [r for r in self._ranges() if r != (first, last)]
            if any(a <= first and last <= b for a, b in others):
                path.unlink()


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    extra = sorted({name for row in rows for name in row} - set(schema.names))
    fields = [*schema, *(pa.field(name, _type(name, rows)) for name in extra)]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _type(name: str, rows: list[dict[str, Any]]) -> pa.DataType:
    values = [row[name] for row in rows if row.get(name) is not None]
    return pa.string() if any(isinstance(v, str) for v in values) else pa.float64()
