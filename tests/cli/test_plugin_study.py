"""A study with plugins: what its rows say, what its folder keeps, how it grows, what it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from plugin_tools import MINE, OPT, TASK, forget, loaded, refusal, run, write

from flowadam.cli.catalog import make_catalog
from flowadam.cli.registry import Registry
from flowadam.plugins import read_plugin
from flowadam.rows import Row
from flowadam.store import Store
from flowadam.study import read_study
from flowadam.sweep import grown_study, open_store

STUDY = """
task = "diabetes"
optimizer = ["signum", "adam"]
plugin = ["code/my_opt.py", "code/my_task.py"]
trials = 2
budget = 8
confirm_seeds = 2
substudies = 1
"""
BOTH = f"{read_plugin(OPT)} {read_plugin(TASK)}"
LOCAL = ("--engine", "local", "--out")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study file with its plugins in a folder beside it, swept into the folder `out`."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "code").mkdir()
    for path in (OPT, TASK):
        shutil.copy(path, folder / "code")
    study = write(folder, "study.toml", STUDY)
    assert run("sweep", study, *LOCAL, folder / "out") == 0
    return folder


@pytest.fixture
def copy(desk: Path, tmp_path: Path) -> Iterator[Path]:
    """The finished study and nothing else, in a process that knows no plugin."""
    forget()
    shutil.copytree(desk / "out", tmp_path / "out")
    yield tmp_path / "out"
    forget()


def test_every_row_names_every_plugin_by_its_hash(desk: Path) -> None:
    rows = Store(desk / "out").rows()
    assert {row["plugins"] for row in rows} == {BOTH}
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["phase"] for row in rows} == {"search", "confirm", "trivial"}


def test_the_folder_keeps_copies_and_no_path_beyond_it(desk: Path) -> None:
    kept = [f"plugins/{read_plugin(path).hash}/{path.name}" for path in (OPT, TASK)]
    for name, path in zip(kept, (OPT, TASK), strict=True):
        assert (desk / "out" / name).read_bytes() == path.read_bytes()
    text = (desk / "out" / "study.toml").read_text()
    assert all(f'"{name}"' in text for name in kept)
    (part,) = (desk / "out" / "trials").glob("*.parquet")
    assert str(desk) not in text + str(pq.read_schema(part).metadata)


def test_looking_at_a_study_runs_no_plugin(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", copy) == 0
    printed = capsys.readouterr().out
    assert printed.count("3/3") == 2 and printed.count("4/4") == 2
    assert run("report", copy) == 0
    assert "signum" in capsys.readouterr().out
    assert not loaded()


@pytest.mark.parametrize("optimizer", ["signum", "adam"])
def test_replay_runs_the_copies_and_says_so(
    copy: Path, optimizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    row = next(r for r in Store(copy).rows() if r["optimizer"] == optimizer and r["config"])
    assert run("replay", copy, row["key"]) == 0
    said = capsys.readouterr()
    assert "bit for bit" in said.out and BOTH.replace(" ", ", ") in said.err
    assert len(loaded()) == 2


def test_the_same_command_needs_the_folder_alone(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (copy / "ledger.jsonl").read_bytes()
    assert run("sweep", write(tmp_path, "study.toml", STUDY), *LOCAL, copy) == 0
    assert "6 runs, 6 already in the store" in capsys.readouterr().err
    assert (copy / "ledger.jsonl").read_bytes() == before


def test_the_path_of_a_plugin_means_nothing(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    moved = [str(shutil.copy(path, tmp_path / "moved")) for path in (OPT, TASK)]
    wanted = read_study(write(tmp_path, "study.toml", STUDY), {"plugin": moved})
    assert wanted.identity() == Store(copy).study.identity()
    assert grown_study(copy, wanted) == replace(Store(copy).study, name="study")


def test_a_study_can_begin_from_another_one_s_file(copy: Path, tmp_path: Path) -> None:
    assert run("sweep", copy / "study.toml", *LOCAL, tmp_path / "again") == 0
    first, again = Store(copy), Store(tmp_path / "again")
    assert first.keys() == again.keys()
    assert (tmp_path / "again" / "study.toml").read_text() == (copy / "study.toml").read_text()


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_changed_plugin_is_refused(
    copy: Path, tmp_path: Path, dry: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = write(tmp_path, "my_opt.py", OPT.read_bytes() + b"# better\n")
    before = sorted(copy.rglob("*"))
    words = ["sweep", write(tmp_path, "study.toml", STUDY), "--plugin", changed, *LOCAL, copy]
    sentence = refusal(capsys, *words, *dry)
    assert "The plugin my_opt.py differs from that of the study in" in sentence
    assert f"(its hash is {read_plugin(changed).hash}, there {read_plugin(OPT).hash})" in sentence
    assert sorted(copy.rglob("*")) == before


def test_a_changed_plugin_is_taken_while_no_row_was_made_with_it(tmp_path: Path) -> None:
    path, out = write(tmp_path, "my.py", MINE), tmp_path / "out"
    text = 'task = "digits_mlp"\noptimizer = "mine"\nplugin = "my.py"'
    study = write(tmp_path, "study.toml", text)
    fewer = "space=type(ADAMW.space)(ADAMW.space.parameters[:2]), name="
    for content in (MINE, MINE + "# mended\n", MINE.replace("name=", fewer)):
        path.write_text(content)
        grown = grown_study(out, read_study(study))
        open_store(out, grown, make_catalog(grown, Registry(grown.plugin))).close()
        assert Store(out).study.plugin == (str(out / read_plugin(path).kept),)


def test_a_writer_killed_before_its_study_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder has the lock, the ledger and the copies, and belongs to the same command."""
    study, words = write(tmp_path, "study.toml", STUDY), (*LOCAL, tmp_path / "out")
    plugins = [word for path in (OPT, TASK) for word in ("--plugin", path)]
    with monkeypatch.context() as patch:
        patch.setattr(Store, "save_study", lambda store, study: 1 / 0)
        assert run("sweep", study, *plugins, *words) == 1
    assert (tmp_path / "out" / "plugins").is_dir()
    assert run("sweep", study, *plugins, *words) == 0


def test_a_copy_that_was_changed_by_hand_is_refused(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = next(copy.rglob("my_opt.py"))
    kept.write_text(kept.read_text() + "# worse\n")
    sentence = refusal(capsys, "replay", copy, Store(copy).rows()[0]["key"])
    assert f"The study's copy {kept} was changed: its hash is" in sentence


def rows_of(folder: Path) -> dict[str, Row]:
    """Return rows by key, without the columns of other optimizers' parameters."""
    rows = {row["key"]: row for row in Store(folder).rows()}
    return {key: {k: v for k, v in r.items() if v is not None} for key, r in rows.items()}


CONTAINER = (
    MINE
    + """
from flowadam.spec import Inclusion
_ADAM = Inclusion("adam", {"opt.weight_decay": 0.0})
MINE = replace(MINE, includes=(_ADAM,))
"""
)


def test_a_plugin_that_comes_later_runs_only_the_difference(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows_of(copy)
    third = write(tmp_path, "third.py", CONTAINER)
    study = write(tmp_path, "study.toml", STUDY)
    assert run("sweep", study, "--plugin", third, "--optimizer", "mine", *LOCAL, copy) == 0
    after = rows_of(copy)
    assert {key: after[key] for key in before} == before
    new = [row for key, row in after.items() if key not in before]
    assert {row["optimizer"] for row in new} == {"mine"}
    assert len(new) == 3 + 4 + 2  # searched, confirmed, and set to Adam's winner
    assert {row["plugins"] for row in new} == {f"{BOTH} {read_plugin(third)}"}
    forget()
    capsys.readouterr()
    assert run("status", copy) == 0
    assert "6/6" in capsys.readouterr().out and not loaded()


def test_plugins_are_among_all_optimizers_of_a_dry_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["sweep", "--dry-run", "--task", "rosenbrock", "--plugin", OPT]
    assert run(*words) == 0
    every = capsys.readouterr().out
    assert "signum" in every and "adamw" in every
    assert run(*words, "--optimizer", "signum") == 0
    only = capsys.readouterr().out
    assert "signum" in only and "adamw" not in only
    assert not list(tmp_path.iterdir())
