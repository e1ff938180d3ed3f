"""A catalog on its way to the workers. Imported once Ray's environment is set."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ray import cloudpickle

from flowadam.errors import InputError
from flowadam.plugins import reason
from flowadam.sweep.job import Catalog

dumps: Callable[[object], bytes] = cloudpickle.dumps  # pyright: ignore[reportPrivateImportUsage]
_READ = "import pickle, sys; pickle.load(sys.stdin.buffer)"


@contextmanager
def explained(catalog: Catalog) -> Iterator[None]:
    """Turn a failure to pickle the catalog into a sentence that names the culprit."""
    try:
        yield
    except Exception:
        require_portable(catalog)
        raise


def require_portable(catalog: Catalog) -> None:
    """Raise InputError if a task or an optimizer cannot be pickled."""
    for kind, found in (("task", catalog.tasks), ("optimizer", catalog.specs)):
        for name, value in found.items():
            try:
                dumps(value)
            except Exception as error:
                raise InputError(
                    f"The {kind} '{name}' cannot travel to the workers: {reason(error)}"
                ) from error


def require_arrival(catalog: Catalog) -> None:
    """Raise InputError unless a fresh process, as a worker is one, can read the catalog."""
    require_portable(catalog)
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, "-c", _READ],
            input=dumps(catalog),
            capture_output=True,
            cwd=empty,
            check=False,
        )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise InputError(f"A worker cannot read it: {' '.join(last)}")
