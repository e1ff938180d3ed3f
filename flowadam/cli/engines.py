"""Engines by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flowadam.errors import require_known
from flowadam.sweep import Engine, LocalEngine, RayEngine

ENGINES = ("ray", "local")
TRAINABLE = "trainables.group_trainable:GroupTrainable"


def check_engine(name: str) -> None:
    """Raise InputError unless there is an engine of that name."""
    require_known("engine", name, ENGINES)


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
