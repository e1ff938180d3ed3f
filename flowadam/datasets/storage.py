"""Arrays to a file and back: columns of one length as Parquet, anything else as npz."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from flowadam.datasets.base import Arrays
from flowadam.durable import sync


def write(path: Path, arrays: Arrays) -> None:
    """Write arrays whole or not at all: temporary name, fsync, rename.

    Raises:
        OSError: the disk refused; what stood at `path` stands, the temporary file is gone.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        _WRITERS[path.suffix](temporary, arrays)
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Path) -> Arrays:
    """Return the arrays of a file, all writable and the caller's own.

    Raises:
        ValueError: the file is cut or is no such file. Pickled objects are never read.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        return _READERS[path.suffix](file)


def _write_parquet(path: Path, arrays: Arrays) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("wb") as file:
        pq.write_table(pa.table(dict(arrays)), file, compression="zstd")


def _write_npz(path: Path, arrays: Arrays) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _read_parquet(file: io.BufferedReader) -> Arrays:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file).read(use_threads=False)
    except pa.ArrowException as error:
        raise ValueError(f"it is no whole Parquet file ({error})") from None
    return {name: np.array(table[name].to_numpy()) for name in table.column_names}


def _read_npz(file: io.BufferedReader) -> Arrays:
    try:
        with np.load(file, allow_pickle=False) as stored:
            return {name: np.array(stored[name]) for name in stored.files}
    # numpy's own ValueError advises to load what is not trusted.
    except (zipfile.BadZipFile, EOFError, AttributeError, TypeError, ValueError) as error:
        raise ValueError("it is no whole npz file of plain arrays") from error


_WRITERS = {".parquet": _write_parquet, ".npz": _write_npz}
_READERS = {".parquet": _read_parquet, ".npz": _read_npz}
