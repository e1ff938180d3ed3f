"""The result table in narrow terminals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from synthetic_study import Truth, bowl, small_study, write_study

from analysis import table
from analysis.terminal import ResultTable
from analysis.text import estimate


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ResultTable:
    study = small_study(
        task=("matrix_completion_large", "digits_mlp"),
        optimizer=("flowadam", "adabelief", "a_rather_long_optimizer_name"),
    )
    return table(write_study(tmp_path_factory.mktemp("study"), study, Truth(overshoot=7)))


@pytest.mark.parametrize("width", [40, 60, 70, 80, 120])
def test_no_line_is_wider_than_the_terminal(results: ResultTable, width: int) -> None:
    lines = results.text(width).splitlines()
    assert max(map(len, lines)) <= width
    for words in ("flowadam", "digits_mlp", "overshoot"):
        assert any(words in line for line in lines)


def test_at_eighty_columns_every_result_is_one_line(results: ResultTable) -> None:
    text = results.text(80)
    for title, rows in results.arenas:
        assert title in text
        for row in rows:
            part = text.split(title)[1].splitlines()
            line = next(line for line in part if line.startswith(row.optimizer))
            assert row.test is not None
            assert f"{estimate(row.test)}  {row.test.n}  " in line
            assert line.endswith(row.marks)


def test_the_table_ends_with_the_verdict(results: ResultTable) -> None:
    assert "flowadam against 2 rivals" in results.text(200).splitlines()[-1]


def test_marks_are_explained_where_they_occur(results: ResultTable) -> None:
    text = results.text(200)
    assert "o overshoot above 1.0\N{NO-BREAK SPACE}% of the budget" in text
    assert "worse than trivial" not in text


def test_failures_and_unfinished_work_are_marked(tmp_path: Path) -> None:
    def half(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        return math.inf if optimizer == "adam" else bowl(task, optimizer, unit)

    study = small_study(optimizer=("flowadam", "adam", "lion"))
    folder = write_study(
        tmp_path,
        study,
        Truth(half, trivial=0.1),
        keep=lambda g: not (g.phase == "confirm" and g.cell.optimizer == "lion" and g.config),
    )
    ((_, rows),) = table(folder).arenas
    marks = {row.optimizer: set(row.marks) for row in rows}
    assert "t" in marks["flowadam"]
    assert {"d", "u"} <= marks["adam"]
    assert "m" in marks["lion"]
    text = table(folder).text(100)
    assert "every configuration failed" in text
    assert "not confirmed; best validation" in text


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    study = small_study(optimizer=("flowadam", "red\x1b[31m"), trials=1, name="\x1b]0;title\x07")
    text = table(write_study(tmp_path, study)).text(100)
    assert "red�[31m" in text
    assert "\x1b" not in text
