"""Running the command line in this process, and plugins to give it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowadam.cli import main

EXAMPLES = Path(__file__).parent / "plugin_examples"
OPT, TASK = EXAMPLES / "my_opt.py", EXAMPLES / "my_task.py"
MINE = """
from dataclasses import dataclass, replace
from search_spaces.adamw import SPEC as ADAMW, adamw

MINE = replace(ADAMW, name="mine")
"""


def run(*words: object) -> int:
    """Return the exit code of ``flowadam WORDS``."""
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Return the one sentence with which a command refuses its input."""
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert error.startswith("flowadam: ") and error.count("\n") == 1, error
    return error


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def loaded() -> set[str]:
    """Return the modules of plugins that this process has imported."""
    return {name for name in sys.modules if name.startswith("flowadam_plugin_")}


def forget() -> None:
    """Let this process be as if it had never imported a plugin."""
    for name in loaded():
        del sys.modules[name]
