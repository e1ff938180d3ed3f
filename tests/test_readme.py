"""The README's code runs, its commands parse, and its figures are those of the recorded studies."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from flowadam.study import make_study

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def commands() -> list[list[str]]:
    """Return the words of every `flowadam sweep` in the README and in `cluster.yaml`."""
    text = "\n".join(blocks("console")).replace("\\\n", " ")
    lines = [line.split("#")[0] for line in text.splitlines() if "flowadam sweep" in line]
    return [shlex.split(line)[2:] for line in lines]


def test_the_ten_line_study_is_a_study() -> None:
    study = make_study(tomllib.loads(blocks("toml")[0]))
    assert "flowadam" in study.optimizer


def test_the_claim_of_one_s_own_can_be_run(tmp_path: Path) -> None:
    from flowadam.audit.read import read_claims
    from flowadam.audit.run import check_claim
    from flowadam.audit.studies import AuditBench, Effort
    from flowadam.cli.progress import ProgressLine
    from flowadam.cli.registry import Registry
    from flowadam.sweep import LocalEngine, Stop

    path, registry = tmp_path / "my_claims.toml", Registry()
    path.write_text(next(b for b in blocks("toml") if "[[claim]]" in b))
    parts = registry.task, registry.spec, LocalEngine(), ProgressLine(), Stop(), print, Effort()
    (claim,) = read_claims(str(path)).claims
    check_claim(claim, AuditBench(*parts))
    assert claim.contenders["sgd"].ranges["lr"] == [1e-4, 10.0]


def test_flowadam_in_a_loop_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code = next(b for b in blocks("python") if "flow_stats" in b)
    exec(code, {})
    assert "'steps': 100" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["my_opt.py", "my_task.py"])
def test_the_plugins_are_the_ones_that_are_checked(name: str) -> None:
    """tests/cli runs the whole contract on these files."""
    examples = ROOT / "tests" / "cli" / "plugin_examples"
    assert (examples / name).read_text(encoding="utf-8") in blocks("python")


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_parse(words: list[str]) -> None:
    from typer.main import get_command

    from flowadam.cli.app import app

    sweep = get_command(app).commands["sweep"]
    sweep.make_context("sweep", words[1:])


def test_the_figures_are_those_of_the_recorded_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "studies"))
    from render_readme import render

    assert render(TEXT) == TEXT
    sys.modules.pop("render_readme")


def test_links_and_pictures_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), target
