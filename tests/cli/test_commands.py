"""Every command on one small study that is really run."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flowadam.cli import main
from trainables.completion.matrix_completion import MatrixCompletion

WORDS = [
    "sweep",
    *("--task", "matrix_completion_small", "--optimizer", "adam", "--optimizer", "flowadam"),
    *("--trials", "2", "--budget", "10", "--confirm-seeds", "2", "--engine", "local"),
]


def run(argv: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(argv)
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study: 2 cells x (2 + default) searched, 2 winners and the default confirmed."""
    path = tmp_path_factory.mktemp("cli") / "study"
    assert run([*WORDS, "--out", str(path)]) == 0
    return path


def test_sweep_leaves_the_promised_folder(folder: Path) -> None:
    names = {p.name for p in folder.iterdir()}
    assert {"study.toml", "trials", "curves", "mlflow.db", "report.html"} <= names
    trials = pd.read_parquet(folder / "trials")
    assert trials["key"].is_unique
    counts = trials["phase"].value_counts().to_dict()
    assert counts["search"] == 2 * 3 and counts["confirm"] == 2 * 3 * 2
    assert counts["inclusion"] == 2
    assert set(trials["status"]) == {"ok"}
    assert (trials.loc[trials["phase"] != "trivial", "grad_evals"] >= 10).all()


def test_the_test_part_is_read_in_the_confirm_phase_only(folder: Path) -> None:
    trials = pd.read_parquet(folder / "trials")
    searched = trials[trials["phase"] == "search"]
    assert searched[["test_best", "test_final"]].isna().all(axis=None)
    assert trials.loc[trials["phase"] == "confirm", "test_best"].notna().all()


def test_flowadam_without_triggers_is_adam(folder: Path) -> None:
    trials = pd.read_parquet(folder / "trials")
    included = trials[trials["phase"] == "inclusion"].set_index("seed")
    config = included["config"].iloc[0]
    adam = trials[(trials["optimizer"] == "adam") & (trials["config"] == config)]
    confirmed = adam[adam["phase"] == "confirm"].set_index("seed")
    gap = (included["test_best"] / confirmed["test_best"] - 1).abs()
    assert len(gap) == 2 and gap.max() < 1e-4


def test_the_same_command_runs_nothing_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "ledger.jsonl").read_bytes()
    assert run([*WORDS, "--out", str(folder)]) == 0
    assert (folder / "ledger.jsonl").read_bytes() == before
    assert "6 runs, 6 already in the store" in capsys.readouterr().err


def test_status(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "3/3" in printed and "6/6" in printed


def test_status_reads_no_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(task: object) -> str:
        raise AssertionError("the data were read")

    monkeypatch.setattr(MatrixCompletion, "fingerprint", fails)
    assert run(["status", str(folder)]) == 0


@pytest.mark.parametrize("width", ["40", "72"])
def test_no_name_is_cut_in_a_narrow_terminal(
    width: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every character of a name stands in its column, in as many lines as it takes."""
    monkeypatch.setenv("COLUMNS", width)
    for argv in (["status", str(folder)], [*WORDS, "--out", str(folder), "--dry-run"]):
        assert run(argv) == 0
        printed = capsys.readouterr().out
        table = printed.partition("─ \n")[2].splitlines()
        rows = itertools.takewhile(str.strip, table)
        assert "".join(row[1:].split("  ")[0] for row in rows) == "matrix_completion_small"
        assert "…" not in printed


def test_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "report.html").unlink()
    assert run(["report", str(folder)]) == 0
    assert str(folder / "report.html") in capsys.readouterr().out
    assert (folder / "report.html").exists()


@pytest.mark.parametrize("phase", ["search", "confirm", "inclusion"])
def test_replay_agrees_bit_for_bit(
    folder: Path, phase: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = pd.read_parquet(folder / "trials")
    key = trials.loc[(trials["phase"] == phase) & (trials["optimizer"] == "flowadam"), "key"]
    assert run(["replay", str(folder), key.iloc[-1][:10]]) == 0
    assert "bit for bit" in capsys.readouterr().out


def test_replay_notices_a_row_that_is_not_true(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "study"
    shutil.copytree(folder, copy)
    part = next((copy / "trials").glob("*.parquet"))
    table = pq.read_table(part)
    trials = table.to_pandas()
    row = trials[trials["phase"] == "search"].index[0]
    trials.loc[row, "val_best"] *= 1.0001
    forged = pa.Table.from_pandas(trials, preserve_index=False)
    pq.write_table(forged.replace_schema_metadata(table.schema.metadata), part)
    assert run(["replay", str(copy), trials.loc[row, "key"]]) == 1
    assert "differs in `val_best`" in capsys.readouterr().out


def test_replay_of_an_unknown_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", str(folder), "zzz"]) == 2
    assert "begins with 'zzz'" in capsys.readouterr().err


def test_another_field_is_refused_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*WORDS, "--seed", "7", "--out", str(folder)]) == 2
    assert "`seed` = 0, this one has 7" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["tasks"], ["optimizers"], ["optimizers", "flowadam"]])
def test_listings(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    assert capsys.readouterr().out.strip()


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "adam"]) == 0
    printed = capsys.readouterr().out
    assert "three_gradients with ratings" in printed and "FAILED" not in printed
