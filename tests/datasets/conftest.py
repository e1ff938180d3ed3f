"""One server for each test, no pauses, and never the user's own folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from data_server import DataServer

from flowadam.datasets import download, transfer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataServer]:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setattr(transfer, "TIMEOUT", (2.0, 0.3))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = DataServer()
    yield running
    running.close()


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "data"
    monkeypatch.setenv("FLOWADAM_DATA", str(home))
    return home
