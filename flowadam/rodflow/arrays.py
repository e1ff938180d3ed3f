"""Arrays of a recorded problem: read without unpickling, checked before use."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray]

STATES = ("w0", "m0", "nu0", "w1", "m1", "nu1", "w2", "m2", "nu2")
SCALARS = ("lr", "beta1", "beta2", "eps", "threshold", "onset")
ERRORS = ("err_stable", "err_rod_alt")
NEEDED = ("sizes", "X", "y", *STATES, *SCALARS, "t_wbar", "wbar", "err_t", *ERRORS)
OPTIONAL = ("err_rod_matrix1", "err_rod_matrix3")

_UNREADABLE = (ValueError, BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError)


def load(path: Path) -> Arrays:
    """Return the arrays that are used, of numbers; all but stored errors are finite.

    Raises:
        ValueError: the file is no npz, holds pickled objects, or lacks an array.
        OSError: it cannot be opened.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            names = set(file.files)
            arrays = {name: file[name] for name in (*NEEDED, *OPTIONAL) if name in names}
    except (*_UNREADABLE, AttributeError, TypeError, zlib.error) as error:
        raise ValueError(f"A problem must be an npz file of plain arrays, got {path}.") from error
    if missing := [name for name in NEEDED if name not in arrays]:
        raise ValueError(f"{path} must hold {', '.join(NEEDED)}; missing: {', '.join(missing)}.")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
            raise ValueError(f"`{name}` must be an array of real numbers.")
        if not (name.startswith("err") or np.isfinite(array).all()):
            raise ValueError(f"`{name}` must be finite, got nan or infinity.")
    return arrays


def check(arrays: Arrays) -> None:
    """Raise ValueError unless the shapes fit each other."""
    sizes = arrays["sizes"]
    _require("sizes", sizes, "whole numbers of at least 1, two or more", _are_sizes)
    layers = sizes.astype(int).tolist()
    n = arrays["X"].shape[0] if arrays["X"].ndim else 0
    size = sum(a * b + b for a, b in pairwise(layers))
    times = len(arrays["t_wbar"]) if arrays["t_wbar"].ndim else 0
    steps = len(arrays["err_t"]) if arrays["err_t"].ndim else 0
    shapes = {
        "X": (n, layers[0]),
        "y": (n, layers[-1]),
        **dict.fromkeys(("w0", "w1", "w2"), (size,)),
        **dict.fromkeys(("m1", "m2"), arrays["m0"].shape),
        **dict.fromkeys(("nu1", "nu2"), arrays["nu0"].shape),
        **dict.fromkeys(SCALARS, ()),
        "t_wbar": (times,),
        "wbar": (times, size),
        **{name: (steps,) for name in ("err_t", *ERRORS, *OPTIONAL) if name in arrays},
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"`{name}` must have shape {shape}, got {arrays[name].shape}.")
    _require("X", arrays["X"], "at least one row", lambda x: len(x) > 0)
    _require("threshold", arrays["threshold"], "positive", lambda x: bool(x > 0))
    for name in ("t_wbar", "err_t"):
        _require(name, arrays[name], "whole numbers that rise from 1 or later", _are_times)
        last = arrays[name][-1]
        rule = f"from 0 to {last}"
        _require("onset", arrays["onset"], rule, lambda x, t=last: bool(0 <= x <= t))
    end = arrays["err_t"][-1]
    _require("t_wbar", arrays["t_wbar"], f"at most {end}", lambda x: bool(x[-1] <= end))
    for name in (name for name in (*ERRORS, *OPTIONAL) if name in arrays):
        _require(name, arrays[name], "distances of at least 0", lambda x: not (x < 0).any())
    _require("err_stable", arrays["err_stable"], "above 0", lambda x: not (x == 0).any())


def _require(name: str, array: NDArray, rule: str, holds: Callable[[NDArray], bool]) -> None:
    if not holds(array):
        shown = np.array2string(array, threshold=8, max_line_width=1000)
        raise ValueError(f"`{name}` must be {rule}, got {shown}.")


def _are_sizes(x: NDArray) -> bool:
    return x.ndim == 1 and len(x) >= 2 and x.dtype.kind in "iu" and bool((x >= 1).all())


def _are_times(x: NDArray) -> bool:
    return len(x) > 0 and x.dtype.kind in "iu" and x[0] >= 1 and bool((np.diff(x) > 0).all())
