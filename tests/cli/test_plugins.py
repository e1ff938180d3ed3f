"""Plugin files: which are taken, which are refused and how, and what they are for the commands."""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_tools import MINE, OPT, TASK, forget, loaded, refusal, run, write

from flowadam.cli import main
from flowadam.cli.registry import Registry
from flowadam.contract import OPTIMIZER_CHECKS
from flowadam.plugins import absolute, import_plugin, read_plugin

OWN_CLASS = """
from dataclasses import dataclass, fields
from flowadam.contract.quadratic import QuadraticTask
from flowadam.task import Resources

@dataclass(frozen=True)
class Mine(QuadraticTask):
    name: str = "mine"
"""
PARTIAL = """
class Nearly:
    name = summary = metric = "nearly"
    budget, resources, deterministic = 5, None, True
    def tiny(self): return self
    def trivial(self, split): return {}
NEARLY = Nearly()
"""

# name -> content of my.py, and what the sentence must say
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "my.py offers nothing: it needs a module-level `SPEC = OptimizerSpec(...)`"),
    "a class alone": (OWN_CLASS, "offers nothing"),
    "built-in ones alone": ("from search_spaces.adam import SPEC", "offers nothing"),
    "hidden ones alone": (MINE.replace("MINE =", "_MINE ="), "offers nothing"),
    "syntax": ("x = 1\nx = = 2\n", "my.py cannot be imported (line 2): SyntaxError: invalid"),
    "exception": ("\n\n1 / 0\n", "my.py cannot be imported (line 3): ZeroDivisionError: div"),
    "exception below": (
        "def f():\n    raise ValueError('two\\nlines.')\nf()",
        "(line 2): ValueError: two lines.\n",
    ),
    "no such module": ("import neighbor_of_mine", "(line 1): ModuleNotFoundError: No module named"),
    "exit": ("import sys\nsys.exit(3)", "my.py cannot be imported (line 2): SystemExit: 3."),
    "bytes": (bytes(range(256)), "my.py cannot be imported"),
    "zeros": (b"x = 1\0", "my.py cannot be imported"),
    "encoding": (b"# coding: utf-16\nx = 1", "my.py cannot be imported"),
    "built-in name": (MINE.replace('"mine"', '"adam"'), "'adam', and flowadam has that name"),
    "name of a task": (MINE.replace('"mine"', '"ratings"'), "'ratings', and flowadam has that"),
    "one name twice": (MINE + "B = replace(MINE, source='b')", "offers 'mine' twice"),
    "unreadable name": (MINE.replace('"mine"', '"my own"'), "and the signs _ . + -, got 'my own'"),
    "misspelt knob": (
        MINE.replace('name="mine"', 'name="mine", defaults={**ADAMW.defaults, "opt.beta3": 1.0}'),
        "(line 5): mine has no option 'opt.beta3'. Did you mean 'opt.beta",
    ),
    "greedy factory": (
        MINE.replace('name="mine"', 'name="mine", factory=lambda p, **k: adamw(p, **k)'),
        "(line 5): The factory of mine takes **kwargs",
    ),
    "nearly a task": (
        PARTIAL,
        "`NEARLY` in the plugin my.py is no task: it lacks fingerprint, make",
    ),
    "a raising property": (
        OWN_CLASS + "    @property\n    def budget(self): return 1 / 0\nMINE = Mine()",
        "`MINE` in the plugin my.py is no task: it lacks budget.",
    ),
    "no number": (
        OWN_CLASS + "    budget: str = 'many'\nMINE = Mine()",
        "`MINE` in the plugin my.py: `budget` must be of type int, got 'many'.",
    ),
    "no resources": (OWN_CLASS + "    resources = 2\nMINE = Mine()", "of type Resources, got 2"),
    "a method for a value": (
        OWN_CLASS + "    def deterministic(self): return False\nMINE = Mine()",
        "`deterministic` must be of type bool, got <bound method",
    ),
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    forget()


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_plugin(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, said = REFUSED[name]
    sentence = refusal(capsys, "tasks", "--plugin", write(tmp_path, "my.py", content))
    assert said in sentence
    assert not loaded() or "cannot be imported" not in sentence


COMMANDS = [
    ["tasks"],
    ["optimizers"],
    ["optimizers", "adam"],
    ["check", "adam"],
    ["sweep", "--task", "digits_mlp"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_file(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", tmp_path / "out"] if command[0] == "sweep" else []
    gone = tmp_path / "gone.py"
    assert f"{gone} does not exist" in refusal(capsys, *command, *out, "--plugin", gone)
    assert "is not a file" in refusal(capsys, *command, *out, "--plugin", tmp_path)
    strange = write(tmp_path, "line\nbreak.py", MINE)
    assert "printable text" in refusal(capsys, *command, *out, "--plugin", strange)
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_plugin_s_own_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "my.py", "def f():\n    return 1 / 0  # here\nf()\n")
    with pytest.raises(SystemExit) as end:
        main(["tasks", "--debug", "--plugin", str(path)])
    assert end.value.code == 2
    assert "return 1 / 0  # here" in capsys.readouterr().err


def test_two_plugins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b").mkdir()
    first = write(tmp_path, "my.py", MINE)
    same_name = write(tmp_path / "b", "my.py", MINE.replace('"mine"', '"other"'))
    same_offer = write(tmp_path, "copy.py", MINE + "# copied")
    other = write(tmp_path, "other.py", MINE.replace('"mine"', '"other"'))
    words = ["optimizers", "--plugin", first, "--plugin"]
    assert "different file names, got 'my.py' twice" in refusal(capsys, *words, same_name)
    sentence = refusal(capsys, *words, same_offer)
    assert "copy.py offers the optimizer 'mine', and the plugin my.py offers that name" in sentence
    assert run(*words, other) == 0
    printed = capsys.readouterr().out
    assert f"[{read_plugin(first)}]" in printed and f"[{read_plugin(other)}]" in printed


@pytest.mark.parametrize(
    "name", ["my opt.v2-final.py", "Ünï ☃.py", "class.py", "no_suffix", "-", "torch.py", "a@b=c.py"]
)
def test_any_file_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, name, MINE)
    assert run("optimizers", "mine", f"--plugin=./{name}") == 0
    assert capsys.readouterr().out.startswith("mine: ")


def test_a_link_goes_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to(OPT)
    assert read_plugin(absolute(tmp_path / "link.py")).name == "link.py"
    assert read_plugin(tmp_path / "link.py").hash == read_plugin(OPT).hash


def test_the_hash_is_that_of_sha256sum() -> None:
    printed = subprocess.run(["sha256sum", OPT], capture_output=True, text=True, check=True).stdout
    assert str(read_plugin(OPT)) == f"my_opt.py@{printed[:12]}"


def test_what_is_offered(tmp_path: Path) -> None:
    text = MINE + OWN_CLASS + "SAME = MINE\n_KEPT = replace(MINE, name='kept')\nT = Mine()\n"
    text += "U = QuadraticTask()\nimport torch, pickle\nos = torch.ops\n"
    registry = Registry([write(tmp_path, "my.py", text.replace('"mine"\n', '"own"\n'))])
    assert list(registry.specs) == ["mine"]
    assert list(registry.tasks) == ["own", "quadratic"]


def test_code_runs_once_and_its_source_can_be_read(tmp_path: Path) -> None:
    text = "class A:\n    x = 1\nNAME, FILE = __name__, __file__\n"
    plugin = read_plugin(write(tmp_path, "my.py", text))
    module = import_plugin(plugin)
    assert import_plugin(plugin) is module
    assert inspect.getsource(module.A) == "class A:\n    x = 1\n"
    assert (f"flowadam_plugin_{plugin.hash}", str(plugin)) == (module.NAME, module.FILE)


SLOW_CHECKS = ("agrees_across_processes", "refuses_or_trains_sharded_parameters")


@pytest.mark.parametrize(
    ("name", "path", "all_of_it"),
    [
        ("signum", OPT, False),
        ("diabetes", TASK, False),
        pytest.param("signum", OPT, True, marks=pytest.mark.slow),
    ],
)
def test_the_examples_pass_the_contract(
    name: str,
    path: Path,
    all_of_it: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not all_of_it:  # they start processes that import torch
        for slow in SLOW_CHECKS:
            monkeypatch.setitem(OPTIMIZER_CHECKS, slow, lambda spec: None)
    assert run("check", name, "--plugin", path) == 0
    printed = capsys.readouterr().out
    assert "ok      arrives_at_workers" in printed and "three_gradients with " in printed


def test_check_says_what_cannot_travel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "    x: object = None\nfrom threading import Lock\nMINE = Mine(x=Lock())"
    assert run("check", "mine", "--plugin", write(tmp_path, "my.py", OWN_CLASS + text)) == 1
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "arrives_at_workers" in x]
    assert line.startswith("FAILED") and "The task 'mine' cannot travel to the workers" in line
    assert line.endswith("TypeError: cannot pickle '_thread.lock' object.")


def test_unknown_names_know_the_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean 'signum'?" in refusal(capsys, "optimizers", "signun", "--plugin", OPT)
    assert "Did you mean 'signum'?" in refusal(capsys, "check", "signun", "--plugin", OPT)
    words = ["sweep", "--plugin", TASK, "--dry-run", "--task"]
    assert "Did you mean 'diabetes'?" in refusal(capsys, *words, "diabetis")
