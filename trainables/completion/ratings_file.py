"""Reading a table of user, item, rating from a Parquet or CSV file, with every check on the way."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flowadam.errors import InputError, nearest
from trainables.cells import Cells

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz")
DELIMITERS = (",", "\t", ";")


@dataclass(frozen=True)
class Columns:
    """Names of the three columns in the file."""

    user: str
    item: str
    rating: str

    def __post_init__(self) -> None:
        if len({self.user, self.item, self.rating}) < 3:
            raise InputError(
                "`user`, `item` and `rating` must be three different columns, "
                f"got '{self.user}', '{self.item}' and '{self.rating}'."
            )

    def names(self) -> list[str]:
        return [self.user, self.item, self.rating]


def read_ratings(path: Path, columns: Columns) -> Cells:
    """Return the ratings in file order; ids become numbers in the order of their first row.

    Users and items are counted from 0; ids may be of any type that a column can hold.

    Raises:
        InputError: missing or unreadable file, unknown suffix, missing column, missing id, rating
            that is not a finite number, repeated (user, item) pair, no rows, one user or one item.
            Rows are counted from 1, below the header.
    """
    table = _read(path, columns)
    if table.num_rows == 0:
        raise InputError(f"A ratings file needs rows, '{path}' has none.")
    users = _codes(table.column(columns.user), columns.user)
    items = _codes(table.column(columns.item), columns.item)
    values = _finite(table.column(columns.rating), columns.rating)
    for name, codes in ((columns.user, users), (columns.item, items)):
        if codes.max() == 0:
            only = table.column(name)[0].as_py()
            raise InputError(f"`{name}` must hold at least two different ids, got only {only!r}.")
    _require_unique(table, columns, users, items)
    return Cells(users, items, values)


def _read(path: Path, columns: Columns) -> pa.Table:
    """Read the three columns; CSV ids and ratings arrive as text, so that "007" stays "007"."""
    import pyarrow as pa

    if not path.is_file():
        raise InputError(f"`path` must name a file, got '{path}'.")
    if not path.name.lower().endswith(SUFFIXES):
        raise InputError(f"`path` must end in {', '.join(SUFFIXES)}, got '{path.name}'.")
    reader = _read_parquet if path.name.lower().endswith(".parquet") else _read_csv
    try:
        return reader(path, columns)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"`path` must be a readable table, got '{path}': {reason}.") from error


def _read_parquet(path: Path, columns: Columns) -> pa.Table:
    from pyarrow import parquet

    _require_columns(path, parquet.read_schema(path).names, columns)
    return parquet.read_table(path, columns=columns.names())


def _read_csv(path: Path, columns: Columns) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    options = csv.ParseOptions(delimiter=_delimiter(path, columns))
    with csv.open_csv(path, parse_options=options) as reader:
        _require_columns(path, reader.schema.names, columns)
    types = dict.fromkeys(columns.names(), pa.string())
    convert = csv.ConvertOptions(column_types=types, include_columns=columns.names())
    return csv.read_csv(path, parse_options=options, convert_options=convert)


def _delimiter(path: Path, columns: Columns) -> str:
    """Return what separates the three names in the header; a comma where nothing does."""
    import gzip
    import zlib

    opened = gzip.open if path.name.lower().endswith(".gz") else open
    header = ""
    # What cannot be unpacked is left to the reader, which says why.
    with suppress(OSError, EOFError, zlib.error), opened(path, "rb") as file:
        header = file.readline(1 << 16).decode("utf-8-sig", "replace").strip()
    wanted = set(columns.names())
    names = {d: {name.strip('"') for name in header.split(d)} for d in DELIMITERS}
    return next((d for d in DELIMITERS if wanted <= names[d]), DELIMITERS[0])


def _require_columns(path: Path, present: list[str], columns: Columns) -> None:
    for name in columns.names():
        if name not in present:
            raise InputError(f"'{path}' has no column '{name}'.{nearest(name, present)}")
        if present.count(name) > 1:
            raise InputError(f"'{path}' must hold the column '{name}' once, not several times.")


def _codes(column: pa.ChunkedArray, name: str) -> NDArray[np.int32]:
    """Number the ids 0, 1, ... in the order of their first row."""
    import pandas as pd

    if _is_nested(column):
        raise InputError(f"`{name}` must hold one id per row, got the type {column.type}.")
    ids = column.to_pandas()
    missing = (ids.isna() | (ids == "")).to_numpy()
    if missing.any():
        raise InputError(
            f"`{name}` must hold an id in every row, row {missing.argmax() + 1} has none."
        )
    return pd.factorize(ids)[0].astype(np.int32)


def _finite(column: pa.ChunkedArray, name: str) -> NDArray[np.float32]:
    """Return the ratings as float32."""
    import pandas as pd

    if not _is_number_or_text(column):
        raise InputError(f"`{name}` must hold numbers, got the type {column.type}.")
    numbers = pd.to_numeric(column.to_pandas(), errors="coerce")
    with np.errstate(over="ignore"):
        values = np.asarray(numbers, dtype=np.float64).astype(np.float32)
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(bad.argmax())
        got = _shown(column[row].as_py())
        raise InputError(f"`{name}` must be a finite number, row {row + 1} has {got}.")
    return values


def _require_unique(
    table: pa.Table, columns: Columns, users: NDArray[np.int32], items: NDArray[np.int32]
) -> None:
    import pandas as pd

    repeated = pd.DataFrame({"user": users, "item": items}).duplicated().to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        user, item = (table.column(c)[row].as_py() for c in (columns.user, columns.item))
        raise InputError(
            f"Each pair of `{columns.user}` and `{columns.item}` must stand in one row, "
            f"{repeated.sum()} rows repeat a pair, the first is row {row + 1} ({user!r}, {item!r})."
        )


def _is_nested(column: pa.ChunkedArray) -> bool:
    from pyarrow import types

    return types.is_nested(column.type)


def _is_number_or_text(column: pa.ChunkedArray) -> bool:
    from pyarrow import types

    kind: Any = column.type.value_type if types.is_dictionary(column.type) else column.type
    checks = (types.is_integer, types.is_floating, types.is_decimal, types.is_string)
    return any(check(kind) for check in (*checks, types.is_large_string))


def _shown(value: object) -> str:
    return "none" if value is None or value == "" else repr(value)
