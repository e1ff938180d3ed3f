"""A user's own `analysis.py` or `trainables/` in the working folder changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sweep_tools import environment

from flowadam.store import Store

SWEEP = "sweep --task matrix_completion_small --optimizer adam --out out --trials 1 --budget 8"
ONE_CONFIRMED = "--substudies 1 --confirm-seeds 1"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with modules of the user that have our names, and do harm."""
    harm = "from pathlib import Path\nPath(__file__).with_suffix('.imported').touch()\n"
    for name in ("analysis.py", "trainables/__init__.py", "search_spaces/__init__.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(harm)
    return tmp_path


def run(desk: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=desk, env=environment(), capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_the_command_and_its_workers_use_our_packages(desk: Path) -> None:
    program = str(Path(sys.executable).with_name("flowadam"))
    done = run(desk, program, *SWEEP.split(), *ONE_CONFIRMED.split())
    assert done.returncode == 0, done.stderr
    assert not list(desk.rglob("*.imported"))
    assert {row["status"] for row in Store(desk / "out").rows()} == {"ok"}
    assert (desk / "out" / "report.html").exists()


def test_python_m_is_refused_with_a_sentence(desk: Path) -> None:
    done = run(desk, sys.executable, "-m", "flowadam", *SWEEP.split())
    assert done.returncode == 2
    assert "of flowadam is hidden by" in done.stderr
    assert "use the installed command `flowadam`" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (desk / "out").exists()
