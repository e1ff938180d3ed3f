"""``flowadam audit`` on a user's own file, and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from flowadam.cli import main
from flowadam.store import Store

CLAIMS = """
title = "Mine"

[contender.adam]
options = { lr = 0.1 }

[contender.adamw]
options = { lr = 0.01 }

[[claim]]
key = "bowl"
kind = "better"
task = "coupling_quadratic"
steps = 20
optimizer = "adam"
against = ["adamw"]
forms = ["fair data"%s]

[[claim]]
key = "ratings"
kind = "better"
task = "jester"
steps = 20
optimizer = "adam"
against = ["adamw"]

[[claim]]
key = "images"
kind = "equal"
task = "digits_mlp"
steps = 20
margin = 0.1
gpu = true
optimizer = "adam"
against = ["adamw"]
"""


def run(argv: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(argv)
    return int(end.value.code or 0)


def words(tmp_path: Path, forms: str = "") -> list[str]:
    path = tmp_path / "mine.toml"
    path.write_text(CLAIMS % forms)
    return ["audit", str(path), "--seeds", "5", "--trials", "2", "--out", str(tmp_path / "out")]


def test_a_user_s_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can be run is run; what cannot says what is missing."""
    monkeypatch.setenv("FLOWADAM_DATA", str(tmp_path))
    argv = words(tmp_path)
    assert run([*argv, "--table"]) == 2
    assert "holds no audit" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert run(argv) == 0
    said = capsys.readouterr().out
    assert "bowl" in said and "flowadam data get jester1" in said and "needs a GPU" in said
    frame = pd.read_parquet(tmp_path / "out" / "audit.parquet").query("verdict != ''")
    by = frame.groupby("claim")["verdict"].agg(set)
    assert by["ratings"] == by["images"] == {"not testable"}
    assert by["bowl"] < {"holds", "vanishes", "reverses"}
    assert (tmp_path / "out" / "audit.html").read_text().count("jester1") >= 1
    assert run([*argv, "--table"]) == 0
    assert capsys.readouterr().out == f"{said}runs left: none\n"
    assert run([*argv, "--only", "ratings"]) == 0
    assert "bowl" not in capsys.readouterr().out
    kept = pd.read_parquet(tmp_path / "out" / "audit.parquet")
    assert set(kept["claim"]) == {"bowl", "ratings"}, "a claim that was measured stays"
    assert "bowl" in (tmp_path / "out" / "audit.html").read_text()
    assert run([*argv[:3], "6", *argv[4:], "--table"]) == 0
    assert "runs left: bowl 2\n" in capsys.readouterr().out
    for command in (["status"], ["report"], ["replay", "abc"]):
        study = str(tmp_path / "out" / "bowl" / "protocol")
        assert run([command[0], study, *command[1:]]) == 2
        assert "belongs to an audit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["audit", "flowadm"], "Did you mean 'flowadam'?"),
        (["audit", "--only", "C6-smal"], "Did you mean 'C6-small'?"),
        (["audit", "--engine", "rai"], "Did you mean 'ray'?"),
        (["audit", "--seeds", "0", "--only", "A1"], "`confirm_seeds` must be at least 1, got 0"),
    ],
)
def test_wrong_words(
    argv: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*argv, "--out", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_claims_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "dualadam", "--list"]) == 0
    assert "flat-eigenvalue" in capsys.readouterr().out


@pytest.mark.slow
def test_a_killed_audit_goes_on(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "flowadam", *words(tmp_path, ', "tuned", "all"')]
    argv += ["--only", "bowl"]
    store = tmp_path / "out" / "bowl" / "protocol" / "ledger.jsonl"
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not store.exists() or store.stat().st_size < 20_000:
            time.sleep(0.05)
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    subprocess.run(argv, check=True, capture_output=True)
    rows = Store(tmp_path / "out" / "bowl" / "protocol").trials()
    assert rows["key"].is_unique
    assert rows["phase"].value_counts().to_dict() == {"search": 12, "confirm": 20, "trivial": 2}


@pytest.mark.slow
def test_on_ray_a_folder_is_that_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's driver works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWADAM_DATA", str(tmp_path / "none"))
    argv = [*words(tmp_path)[:-1], "mine", "--engine", "ray", "--only", "bowl"]
    assert run(argv) == 0
    assert (tmp_path / "mine" / "audit.html").exists()
    assert len(Store(tmp_path / "mine" / "bowl" / "protocol").trials()) >= 10
