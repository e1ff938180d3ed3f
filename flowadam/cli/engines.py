"""Engines by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flowadam.errors import InputError, require_known
from flowadam.sweep import Engine, LocalEngine, RayEngine

ENGINES = ("ray", "local")
TRAINABLE = "trainables.group_trainable:GroupTrainable"


def check_engine(name: str, workers: int | None = None) -> None:
    """Raise InputError unless there is an engine of that name, and it takes so many workers."""
    require_known("engine", name, ENGINES)
    if workers is not None and workers < 1:
        raise InputError(f"`workers` must be at least 1, got {workers}.")
    if workers is not None and name == "local":
        raise InputError("--workers is for --engine ray: local is this process alone.")


@contextmanager
def opened_engine(
    name: str, workers: int | None = None, address: str | None = None
) -> Iterator[Engine]:
    """Give the engine, whose processes end with the block."""
    if name == "local":
        yield LocalEngine()
        return
    with RayEngine(TRAINABLE, address=address, workers=workers) as engine:
        yield engine
