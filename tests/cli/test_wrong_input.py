"""Wrong input gets one sentence and exit code 2, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import flowadam
from flowadam.cli import main
from flowadam.errors import nearest

RATINGS = "user,item,rating\na,x,1\na,y,2\nb,x,3\nb,y,4\nc,x,5\nc,y,1\n"


def run(argv: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(argv)
    return int(end.value.code or 0)


# words after `flowadam`, and what the sentence must say
OPTIONS = {
    "column without ratings": (
        ["sweep", "--task", "digits_mlp", "--user", "who"],
        "--user names a column of your ratings",
    ),
    "unknown task": (["sweep", "--task", "digits_mpl"], "Did you mean 'digits_mlp'?"),
    "unknown optimizer": (
        ["sweep", "--task", "digits_mlp", "--optimizer", "adamm"],
        "Unknown optimizer 'adamm'. Did you mean 'adam",
    ),
    "unknown sampler": (
        ["sweep", "--task", "digits_mlp", "--sampler", "radnom"],
        "Did you mean 'random'?",
    ),
    "budget 0": (["sweep", "--task", "digits_mlp", "--budget", "0"], "`budget` must be at least 1"),
    "negative trials": (["sweep", "--task", "digits_mlp", "--trials", "-3"], "at least 0, got -3"),
    "seeds 0": (["sweep", "--task", "digits_mlp", "--seeds", "0"], "`seeds` must be at least 1"),
    "task twice": (["sweep", "--task", "digits_mlp", "--task", "digits_mlp"], "once"),
    "no task": (["sweep"], "at least one --task"),
    "ratings without data": (["sweep", "--task", "ratings"], "--data FILE"),
    "data without ratings": (["sweep", "--task", "digits_mlp", "--data", "x.csv"], "ratings"),
    "data missing": (["sweep", "--data", "nowhere.csv"], "nowhere.csv"),
    "study missing": (["sweep", "nowhere.toml"], "does not exist"),
    "deadline": (["sweep", "--task", "digits_mlp", "--deadline", "soon"], "like 8h; got 'soon'"),
    "engine": (["sweep", "--task", "digits_mlp", "--engine", "rya"], "Did you mean 'ray'?"),
    "workers": (["sweep", "--task", "digits_mlp", "--workers", "0"], "`workers` must be"),
    "gpu": (["sweep", "--task", "digits_mlp", "--gpu", "-1"], "`gpu` must be positive"),
    "device": (["sweep", "--task", "digits_mlp", "--device", "cdua"], "Did you mean 'cuda'?"),
    "gpu is no number": (["sweep", "--task", "digits_mlp", "--gpu", "nan"], "positive and finite"),
    "gpu without ray": (
        ["sweep", "--task", "digits_mlp", "--engine", "local", "--gpu", "1"],
        "--gpu is for --engine ray",
    ),
    "no such gpu": (["sweep", "--task", "digits_mlp", "--device", "cuda"], "PyTorch sees no GPU"),
    "tracking": (["sweep", "--task", "digits_mlp", "--tracking-uri", "foo://x"], "must begin with"),
    "out below a file": (["sweep", "--task", "digits_mlp", "--out", "/etc/hostname/x"], "writable"),
    "unknown option": (["sweep", "--tsak", "digits_mlp"], "--task"),
    "not a number": (
        ["sweep", "--task", "digits_mlp", "--trials", "many"],
        "Invalid value for '--trials'",
    ),
    "unknown command": (["swep"], "swep"),
    "status of nothing": (["status", "nowhere"], "holds no study"),
    "report of nothing": (["report", "nowhere"], "holds no study"),
    "replay of nothing": (["replay", "nowhere", "abc"], "holds no study"),
    "ui of nothing": (["ui", "nowhere"], "holds no study"),
    "check of nothing": (["check", "adamm"], "Did you mean 'adam"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv, words = OPTIONS[name]
    monkeypatch.chdir(tmp_path)
    assert run(argv) == 2
    error = capsys.readouterr().err
    assert words in " ".join(error.split()).replace("│ ", "")
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


STUDIES = {
    "unknown key": ('task = ["digits_mlp"]\noptimiser = ["adam"]', "Did you mean 'optimizer'?"),
    "a name that leads elsewhere": (
        'name = "../evil"\ntask = ["digits_mlp"]\noptimizer = ["adam"]',
        "the name of one folder",
    ),
    "not TOML": ("task = [", "cannot be read"),
    "wrong type": ('task = ["digits_mlp"]\noptimizer = ["adam"]\ntrials = "8"', "of type int"),
    "true is no number": ('task = ["digits_mlp"]\noptimizer = ["adam"]\nseeds = true', "type int"),
    "no optimizer": ('task = ["digits_mlp"]', "'optimizer' is missing"),
    "empty list": ('task = []\noptimizer = ["adam"]', "at least one task"),
    "numbers for names": ('task = [1]\noptimizer = ["adam"]', "list names"),
}


@pytest.mark.parametrize("name", STUDIES)
def test_study_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, words = STUDIES[name]
    path = tmp_path / "study.toml"
    path.write_text(text)
    assert run(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def _write(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


TABLES = {
    "missing column": (_write(RATINGS.replace("rating", "stars")), "rating"),
    "non-numeric": (_write(RATINGS.replace("b,y,4", "b,y,four")), "four"),
    "duplicate": (_write(RATINGS + "a,x,2\n"), "a"),
    "no rows": (_write("user,item,rating\n"), "needs rows"),
    "single user": (_write("user,item,rating\na,x,1\na,y,2\na,z,3\n"), "user"),
    "empty file": (_write(""), ""),
    "binary": (lambda path: path.write_bytes(bytes(range(256))) and None, ""),
}


@pytest.mark.parametrize("name", TABLES)
def test_ratings_tables(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write, words = TABLES[name]
    path = tmp_path / "table.csv"
    write(path)
    assert run(["sweep", "--data", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.startswith("flowadam: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_things_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert run(["sweep", "--task", "digits_mlp", "--out", str(tmp_path)]) == 2
    assert "thesis.tex" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == flowadam.__version__


def test_a_study_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(b'\xef\xbb\xbftask = ["digits_mlp"]\noptimizer = ["adam"]\n')
    assert run(["sweep", str(path), "--out", str(tmp_path / "out"), "--dry-run"]) == 0


def test_debug_shows_the_traceback_and_changes_no_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["sweep", "--task", "digits_mpl", "--debug"]) == 2
    said = capsys.readouterr().err
    assert "Traceback" in said and said.endswith("Did you mean 'digits_mlp'?\n")


def test_dry_run_prints_the_plan_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"user": list("aabbcc"), "item": list("xyxyxy"), "rating": range(6)}).to_csv(
        tmp_path / "table.csv"
    )
    words = ["--task", "digits_mlp", "--optimizer", "adam", "--trials", "5", "--budget", "7"]
    assert run(["sweep", *words, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "digits_mlp" in printed and "Nothing was run but the pilots" in " ".join(printed.split())
    # 6 search runs (5 and the default) and (3 winners and the default) on 10 fresh seeds, each 7
    assert f"{(6 + 4 * 10) * 7:,} gradient" in " ".join(printed.split())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["table.csv"]


@pytest.mark.parametrize("task", ["cora_links", "cifar10_cnn", "jester", "movielens"])
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_missing_data_are_told_before_a_folder_is_made(
    task: str,
    dry: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FLOWADAM_DATA", str(tmp_path / "data"))
    out = tmp_path / "out"
    words = ["sweep", "--task", task, "--task", "digits_mlp", "--optimizer", "adam", *dry]
    assert run([*words, "--engine", "local", "--out", str(out)]) == 2
    assert "flowadam data get" in capsys.readouterr().err
    assert not out.exists()


def test_a_name_in_capitals_is_near() -> None:
    assert nearest("DIGITS_MLP", ["digits_mlp", "jester"]) == " Did you mean 'digits_mlp'?"
