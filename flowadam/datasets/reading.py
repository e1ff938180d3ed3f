"""Find a stored data set, read it, and check its content once per process and file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from flowadam.datasets import storage
from flowadam.datasets.base import Arrays, DataSet, size_text
from flowadam.datasets.folder import VARIABLE, data_folder, require_folder
from flowadam.errors import InputError

_checked: set[tuple[str, int, int]] = set()


def located(data: DataSet) -> tuple[Path, str]:
    """Return the stored file, the whole before a part of it, and the sentence of what it is.

    Raises:
        InputError: none is there.
    """
    path, statement, _ = _choice(data)
    return path, statement


def arrays(data: DataSet) -> Arrays:
    """Return the stored arrays; the first reading of a file in this process checks them.

    Raises:
        InputError: the file is not there, cannot be read, or is not the data set.
    """
    path, _, check = _choice(data)
    try:
        return _checked_arrays(path, check)
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path} is not the data set '{data.name}': {_reason(error)}. Remove the file and "
            f"run `flowadam data get {data.name}`."
        ) from None


def fault(data: DataSet) -> str:
    """Return what is wrong with the content of the stored file in a few words; "" for nothing.

    Raises:
        InputError: no file is there.
    """
    path, _, check = _choice(data)
    try:
        _checked_arrays(path, check)
    except (ValueError, OSError) as error:
        return _reason(error)
    return ""


def ratings(data: DataSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return users and items from 0 (int32) and values (float32), in the order of the file.

    Raises:
        InputError: as `arrays`; or the data set has no ratings.
    """
    if not data.stored.endswith(".parquet"):
        raise InputError(f"'{data.name}' is no list of ratings: those are 'jester1' and 'ml100k'.")
    found = arrays(data)
    users, items = (found[key].astype(np.int32) for key in ("user", "item"))
    return users - users.min(), items - items.min(), found["rating"].astype(np.float32)


def _checked_arrays(path: Path, check: Callable[[Arrays], None]) -> Arrays:
    """Return a file's arrays, checked unless this process has checked the same file already."""
    found = storage.read(path)
    stamp = path.stat()
    key = (str(path), stamp.st_mtime_ns, stamp.st_size)
    if key not in _checked:
        check(found)
        _checked.add(key)
    return found


def _choice(data: DataSet) -> tuple[Path, str, Callable[[Arrays], None]]:
    folder = data_folder()
    require_folder(folder)
    whole = folder / data.stored
    if whole.is_file():
        return whole, data.statement, data.check
    if data.part is not None and (folder / data.part.stored).is_file():
        return folder / data.part.stored, data.part.statement, data.part.check
    raise InputError(
        f"The data set '{data.name}' is not in {folder}: get it with `flowadam data get "
        f"{data.name}` ({size_text(data.about)}), or point {VARIABLE} to a folder with "
        f"{data.stored}."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).rstrip(".")
