"""Temporary folders of living, ended and killed processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from flowadam.sweep.session_folder import session_folder

HOLD = """
import sys, tempfile
from flowadam.sweep.session_folder import session_folder
tempfile.tempdir = sys.argv[1]
with session_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Path:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield Path(short)


def hold(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(root)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_folder_lives_as_long_as_its_process(root: Path) -> None:
    with hold(root) as process:
        assert process.stdout is not None
        other = Path(process.stdout.readline().strip())
        with session_folder() as mine:
            assert other.is_dir()
            assert mine.parent == root
        assert not mine.exists()
        process.kill()
        process.wait()
        assert other.is_dir()
        with session_folder():
            assert not other.exists()


def test_a_lock_protects_where_process_numbers_do_not(root: Path) -> None:
    """Two containers may share /tmp, and neither sees the other's processes."""
    with hold(root) as process:
        assert process.stdout is not None
        other = Path(process.stdout.readline().strip())
        foreign = other.rename(root / "flowadam-99999999-x")
        with session_folder():
            assert foreign.is_dir()
        process.kill()
        process.wait()
        with session_folder():
            assert not foreign.exists()


def test_folders_of_others_are_left_alone(root: Path) -> None:
    names = ["flowadam-notes-1", "flowadam-99999999-nolock", "mine"]
    for name in names:
        (root / name).mkdir()
    with session_folder():
        assert all((root / name).is_dir() for name in names)
