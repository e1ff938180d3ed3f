"""``flowadam init``: the template runs as it is, and its comments show the defaults."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from flowadam.cli import main
from flowadam.cli.init import template
from flowadam.study import Study, make_study, read_study

WRITTEN = {"search_blocks", "confirm_blocks"}


def run(argv: list[str]) -> int:
    """Return the exit code."""
    with pytest.raises(SystemExit) as end:
        main(argv)
    return int(end.value.code or 0)


def test_it_writes_a_study_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    assert run(["init", str(path)]) == 0
    assert read_study(path).name == "mine"
    path.write_text("task = []")
    assert run(["init", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "task = []"
    assert run(["init", str(tmp_path / "no" / "x.toml")]) == 2


def test_comments_show_every_key_with_its_default() -> None:
    bare = make_study(tomllib.loads(template()))
    before, _, budgets = template().partition("# -- Budget")
    open_, _ = re.subn(r"(?m)^# (?=[a-z_]+ = )", "", before)
    assert make_study(tomllib.loads(open_)) == bare
    shown = set(tomllib.loads(open_)) | set(re.findall(r"(?m)^# ([a-z_]+) = ", budgets))
    examples = re.findall(r"(?m)^#   ([a-z_]+ = .*)$", template())
    assert make_study({**tomllib.loads(open_), **tomllib.loads("\n".join(examples))}) != bare
    shown |= set(tomllib.loads("\n".join(examples)))
    assert {f.name for f in fields(Study)} - WRITTEN == shown - {"digits_mlp"}


@pytest.mark.parametrize("lines", [[3], [4], [5, 6]])
def test_each_budget_of_the_comments_is_one(lines: list[int]) -> None:
    shown = template().partition("# -- Budget")[2].splitlines()
    text = "\n".join(shown[i].removeprefix("# ") for i in lines)
    study = make_study(tomllib.loads(template() + text))
    assert study.budgets("digits_mlp")
