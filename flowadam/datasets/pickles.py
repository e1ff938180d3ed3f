"""Old pickles of plain arrays, read so that nothing in them can run.

A pickle names the functions that rebuild its objects. Here a name is looked up in a table of the
few that numbers, arrays, sparse matrices and containers need; any other name is refused before it
is called. It is a second lock: the SHA-256 of a pickle is compared before it is opened.
"""

from __future__ import annotations

import collections
import io
import pickle
from typing import Any

import numpy as np
from numpy._core import multiarray


class SparseState:
    """Stands for a SciPy CSR matrix: its attributes, and no code."""


def _rebuilt(kind: type, base: type, state: object) -> SparseState:
    """Do what copyreg._reconstructor does for the one class that needs it."""
    if kind is not SparseState or base is not object or state is not None:
        raise pickle.UnpicklingError("it rebuilds an object that is no sparse matrix")
    return SparseState()


def _scalar(kind: np.dtype, content: str) -> np.generic:
    """Do what NumPy's function of this name does, for numbers alone."""
    if kind.hasobject:
        raise pickle.UnpicklingError("it holds a scalar that is no number")
    return np.frombuffer(content.encode("latin1"), dtype=kind)[0]


# The names are those of Python 2, which wrote the files.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("__builtin__", "object"): object,
    ("__builtin__", "list"): list,
    ("collections", "defaultdict"): collections.defaultdict,
    ("copy_reg", "_reconstructor"): _rebuilt,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): multiarray._reconstruct,  # pyright: ignore[reportAttributeAccessIssue]
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("scipy.sparse.csr", "csr_matrix"): SparseState,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module_name}.{global_name}, which plain arrays do not need"
            ) from None


def loads(content: bytes) -> Any:
    """Return what a Python 2 pickle of arrays, CSR matrices, lists and dictionaries holds.

    Strings are read as Latin-1; a CSR matrix arrives as `SparseState`.

    Raises:
        ValueError: it asks for anything else, or is no whole pickle.
    """
    try:
        return _Reader(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"it is no pickle of plain arrays: {error}") from None
