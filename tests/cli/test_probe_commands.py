"""Probes from the command line: chosen, priced, listed, shown, and no hindrance to a replay."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import search_spaces
import trainables
from analysis import report
from flowadam import probes
from flowadam.cli import main
from flowadam.rows import Row
from flowadam.study import Study
from flowadam.sweep import Catalog, LocalEngine, Stop, open_store, sweep

WORDS = [
    "sweep",
    *("--task", "digits_mlp", "--optimizer", "adam", "--optimizer", "flowadam"),
    *("--trials", "1", "--budget", "10", "--confirm-seeds", "2", "--engine", "local"),
]
CHOSEN = ["--probe", "update_norm", "--probe", "triggers", "--probe", "trace"]


def run(argv: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(argv)
    return int(end.value.code or 0)


class Silent:
    """An observer that watches nothing; there is no mirror either, which takes seconds."""

    def phase(self, name: str, total: int, done: int) -> None: ...
    def rows(self, rows: list[Row]) -> None: ...


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "study"
    study = Study(
        ("digits_mlp",),
        ("adam", "flowadam"),
        trials=1,
        budget=10,
        confirm_seeds=2,
        probe=("update_norm", "triggers", "trace"),
    )
    catalog = Catalog(
        {"digits_mlp": trainables.get("digits_mlp")},
        {name: search_spaces.get(name) for name in study.optimizer},
    )
    store = open_store(path, study, catalog)
    sweep(
        study,
        catalog,
        store,
        LocalEngine(),
        observer=Silent(),
        stop=Stop(None),
        mirror=lambda store: None,
    )
    store.close()
    return path


def test_the_table_of_readings_is_there(folder: Path) -> None:
    read = pd.read_parquet(folder / "probes")
    trials = pd.read_parquet(folder / "trials")
    trained = trials.loc[trials["phase"] != "trivial"]
    assert set(read["key"]) == set(trained["key"])
    assert set(read["probe"]) == {"update_norm", "triggers", "trace"}
    assert (trained["probe_evals"] >= 10 * 17).all() and (trained["grad_evals"] <= 11).all()
    flows = read.merge(trained, on="key").query("probe == 'triggers'").groupby("optimizer")["value"]
    assert flows.count()["adam"] == 0 < flows.count()["flowadam"]


def test_the_report_has_a_card(folder: Path) -> None:
    html = report.build(folder).read_text()
    assert "What did the probes read?" in html
    assert "trace on digits_mlp" in html and "2 (1 winner)" in html


def test_replay_agrees(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials = pd.read_parquet(folder / "trials")
    key = trials.loc[(trials["phase"] == "confirm") & (trials["optimizer"] == "flowadam"), "key"]
    assert run(["replay", str(folder), key.iloc[-1]]) == 0
    assert "bit for bit" in capsys.readouterr().out


def test_the_study_keeps_its_probes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A later command need not repeat them."""
    assert run([*WORDS, "--dry-run", "--out", str(folder)]) == 0
    assert "Probes update_norm, triggers, trace:" in " ".join(capsys.readouterr().out.split())


def test_a_dry_run_names_the_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "dry"
    assert run([*WORDS, *CHOSEN, "--probe", "perturbed_loss", "--dry-run", "--out", str(out)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Probes update_norm, triggers, trace, perturbed_loss: beyond the budget" in printed
    assert "at most 697 gradients and Hessian-vector products, and 697 losses" in printed
    assert not out.exists()
    assert run([*WORDS, "--dry-run", "--out", str(out)]) == 0
    assert "Probes" not in capsys.readouterr().out


def test_an_unknown_probe_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*WORDS, "--probe", "sharpnes", "--out", str(tmp_path / "x")]) == 2
    said = capsys.readouterr().err
    assert "Unknown probe 'sharpnes'. Did you mean 'sharpness'?" in said
    assert not (tmp_path / "x").exists()


def test_the_listing_names_every_probe(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probes"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in probes.names())
    assert "at most 201" in printed
