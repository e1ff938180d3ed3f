"""Long texts that every machine has, and the user's own."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from flowadam.errors import InputError
from trainables.options import require_file

LEAST = 1000
"""Characters that a text needs at least."""
MOST = 200_000_000
"""Bytes that a text has at most: four times as many are held while it is read."""


def read_text(path: Path) -> str:
    """Return the user's text, line ends as newlines.

    Raises:
        InputError: the file cannot be read, is a pipe or the like, is not UTF-8, has fewer than
            1,000 characters or more than 200 MB.
    """
    require_file(path, "The text")
    try:
        _require_size(path)
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"A text must be UTF-8; {path} is not, at byte {error.start}.") from None
    except OSError as error:
        raise InputError(f"The text {path} cannot be read: {error.strerror}.") from None
    if len(text) < LEAST:
        raise InputError(f"A text needs at least {LEAST:,} characters, {path} has {len(text):,}.")
    return text


def _require_size(path: Path) -> None:
    if (size := path.stat().st_size) > MOST:
        raise InputError(f"A text may have at most {MOST:,} bytes, {path} has {size:,}.")


@lru_cache(maxsize=1)
def torch_documentation() -> str:
    """Return the documentation of torch's functions, 390,000 characters (BSD-3-Clause).

    It stands in torch's own source as string literals, is read without importing torch, and is
    the same on every machine, since the distribution requires one version of torch.
    """
    path = _package("torch") / "_torch_docs.py"
    texts = (n.value for n in _walk(path) if isinstance(n, ast.Constant))
    return "\n".join(inspect.cleandoc(t) for t in texts if isinstance(t, str) and len(t) > 200)


@lru_cache(maxsize=1)
def tune_documentation() -> str:
    """Return the docstrings of Ray Tune's search algorithms and schedulers (Apache-2.0).

    Read without importing Ray; the same on every machine, since the distribution requires one
    version of Ray.
    """
    folders = (_package("ray") / "tune" / name for name in ("schedulers", "search"))
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return "\n".join(text for path in files for text in _docstrings(path))


def _docstrings(path: Path) -> Iterator[str]:
    for node in _walk(path):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


def _walk(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise InputError(f"The text of this task is {name}'s documentation; {name} is missing.")
    return Path(spec.origin).parent
