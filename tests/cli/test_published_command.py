"""``flowadam published``: runs, resumes, tells what it cannot do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowadam.cli import main
from trainables.published.record import FILE, read


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["published", *words])
    return int(end.value.code or 0)


def test_it_runs_what_is_missing_and_prints_claims(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("rosenbrock", "--out", str(tmp_path), "--jobs", "1")
    assert command(*words) == 0
    first = capsys.readouterr()
    assert "2/2  rosenbrock, flowadam, seed 42: 4.289" in first.err
    assert "2 of 2 published numbers hold." in first.out
    kept = (tmp_path / FILE).read_bytes()
    assert command(*words) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert "rosenbrock, flowadam" not in again.err
    assert (tmp_path / FILE).read_bytes() == kept
    assert command("--table", *words) == 0
    assert capsys.readouterr().out == first.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("rosenbrok",), "Unknown published scenario 'rosenbrok'. Did you mean 'rosenbrock'?"),
        (("rosenbrock", "--seeds", "0"), "`seeds` must be a whole number of at least 1, got 0"),
        (("rosenbrock", "--seeds", "9"), "`seeds` must be at most 1, the number of published"),
        (("rosenbrock", "--jobs", "-3"), "`jobs` must be a whole number of at least 1, got -3"),
        (("rosenbrock", "--table"), "holds no record of published runs (no published.parquet)"),
        (("jester",), "flowadam data get jester1"),
    ],
)
def test_wrong_input_is_a_sentence(
    tmp_path: Path,
    words: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWADAM_DATA", str(tmp_path / "empty"))
    assert command(*words, "--out", str(tmp_path)) == 2
    assert sentence in capsys.readouterr().err


def test_a_foreign_file_is_refused_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE).write_text("not a table")
    assert command("rosenbrock", "--out", str(tmp_path)) == 2
    assert "is no record of published runs" in capsys.readouterr().err
    assert (tmp_path / FILE).read_text() == "not a table"


def interrupted(folder: Path, ready: Callable[[subprocess.Popen[str]], object]) -> str:
    """Start the command, press Ctrl-C as a terminal does, for all its processes; return stderr."""
    words = ["published", "matrix_completion_small", "--out", str(folder), "--jobs", "1"]
    command = [sys.executable, "-m", "flowadam", *words]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        ready(process)
        os.killpg(process.pid, signal.SIGINT)
        began = time.monotonic()
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert time.monotonic() - began < 20
    assert not [line for line in said.splitlines() if "Traceback" in line or "Error" in line]
    assert said.splitlines()[-1].endswith("The same command goes on.")
    return said


def test_an_interrupted_command_keeps_what_is_done(tmp_path: Path) -> None:
    interrupted(tmp_path, lambda process: process.stderr and process.stderr.readline())
    runs = read(tmp_path / FILE)
    assert runs
    assert {run.scenario for run in runs} == {"matrix_completion_small"}


def test_an_interrupt_in_the_first_seconds_shows_no_traceback(tmp_path: Path) -> None:
    """The run's process exists and still loads its libraries."""

    def begun(process: subprocess.Popen[str]) -> None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while len(children.read_text().split()) < 2:  # the run's and multiprocessing's own
            time.sleep(0.01)
        time.sleep(0.1)

    interrupted(tmp_path, begun)
    assert not (tmp_path / FILE).exists()
