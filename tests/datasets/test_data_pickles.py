"""Pickles of arrays are read; a pickle that names anything else is refused before it runs."""

from __future__ import annotations

import os
import pickle
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from tiny_files import python2_pickle

from flowadam.datasets import pickles

PLAIN: dict[str, Any] = {
    "numbers": [1, 2.5, None, True, "text", (1, 2)],
    "lists": defaultdict(list, {0: [1, 2], 1: [0]}),
    "bytes": np.arange(256, dtype=np.uint8).reshape(2, 128),
    "floats": np.array([[0.5, -1.0]], dtype=np.float32),
    "scalar": {"n": np.int64(7)},
}


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_content_comes_back(name: str, protocol: int) -> None:
    back = pickles.loads(python2_pickle(PLAIN[name], protocol))
    assert type(back) is type(PLAIN[name])
    assert (
        np.array_equal(back, PLAIN[name]) if isinstance(back, np.ndarray) else back == PLAIN[name]
    )


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_sparse_matrix_arrives_as_its_attributes(protocol: int) -> None:
    matrix = sp.csr_matrix(np.eye(3))
    back = pickles.loads(python2_pickle(matrix, protocol))
    assert type(back) is pickles.SparseState
    assert np.array_equal(vars(back)["indices"], matrix.indices)


class Runs:
    """An object whose pickle calls a function with arguments."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def evil(marker: Path) -> dict[str, bytes]:
    """Return pickles that each try to make the file `marker`, or to get at something."""
    command = f"touch {marker}"
    code = f"open({str(marker)!r}, 'w').close()"
    base, scalar = "c__builtin__\nobject", "cnumpy.core.multiarray\nscalar"
    text = {
        "system, raw": f"cos\nsystem\n(S'{command}'\ntR.",
        "eval, raw": f'c__builtin__\neval\n(S"{code}"\ntR.',
        "inside a list": f"(lp0\ncos\nsystem\n(S'{command}'\ntRa.",
        "instance": f"(S'{command}'\nios\nsystem\n.",
        "attribute of an allowed module": "cnumpy\nload\n(S'/etc/hostname'\ntR.",
        "another sparse matrix": "cscipy.sparse.csr\ncsr_array\n.",
        "rebuilds an array": f"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\n{base}\nNtR.",
        "a scalar that is an object": f"{scalar}\n(cnumpy\ndtype\n(S'O'\ntRS'x'\ntR.",
    }
    objects = {
        "system": Runs(os.system, command),
        "exec": Runs(exec, code),
        "in an array of objects": np.array([Runs(exec, code)], dtype=object),
        "key of a dictionary": {"data": 1, "labels": Runs(eval, code)},
        "import": Runs(__import__, "os"),
        "getattr": Runs(getattr, [], "append"),
    }
    made = {name: python2_pickle(value) for name, value in objects.items()}
    made |= {f"{name}, new": pickle.dumps(value, protocol=4) for name, value in objects.items()}
    return made | {name: content.encode() for name, content in text.items()}


@pytest.mark.parametrize("case", evil(Path("marker")))
def test_a_pickle_that_asks_for_more_is_refused_and_nothing_runs(case: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with pytest.raises(ValueError, match="it is no pickle of plain arrays: it "):
        pickles.loads(evil(marker)[case])
    assert not marker.exists()


def test_the_pickles_above_do_run_elsewhere(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    for case in ("exec, new", "system, raw"):
        pickle.loads(evil(marker)[case])
        assert marker.exists()
        marker.unlink()


@pytest.mark.parametrize("content", [b"", b"<html>", python2_pickle(PLAIN["bytes"])[:-50]])
def test_a_damaged_pickle_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no pickle of plain arrays"):
        pickles.loads(content)
