"""Optimizers and tasks of installed packages: real distributions, installed into a folder."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from plugin_tools import MINE, refusal, run, write

import search_spaces
import trainables
from flowadam.errors import FlowAdamError, InputError
from flowadam.installed import installed
from flowadam.store import Store

TASKS = """
from dataclasses import dataclass
from flowadam.contract.quadratic import QuadraticTask

@dataclass(frozen=True)
class Named(QuadraticTask):
    name: str = "fixed"

FIXED = Named()

def made(*, noise: float = 0.0):
    return Named(noise=noise, name="made")

def failing():
    raise RuntimeError("no data")
"""
MYPKG = """
[flowadam.optimizers]
mine = mypkg.mine:MINE
twice = mypkg.mine:MINE
[flowadam.tasks]
fixed = mypkg.tasks:FIXED
made = mypkg.tasks:made
"""
BROKEN = """
[flowadam.optimizers]
absent = otherpkg.nowhere:SPEC
adam = otherpkg:SPEC
number = otherpkg:NUMBER
misnamed = mypkg.mine:MINE
twice = mypkg.mine:MINE
[flowadam.tasks]
failing = mypkg.tasks:failing
notask = otherpkg:NUMBER
"""


def wheel(folder: Path, name: str, version: str, points: str, files: dict[str, str]) -> Path:
    """Write a wheel with entry points."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(f"{name}/{file}", text)
        meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        archive.writestr(f"{info}/METADATA", meta)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", points)
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed a package, and a broken one."""
    folder = tmp_path_factory.mktemp("wheels")
    files = {"__init__.py": "", "mine.py": MINE, "tasks.py": TASKS}
    wheels = [
        wheel(folder, "mypkg", "1.2", MYPKG, files),
        wheel(folder, "otherpkg", "0.1", BROKEN, {"__init__.py": "NUMBER = 3\n"}),
    ]
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target"]
    command = [sys.executable, "-m", "pip", "install", *options, str(folder / "site")]
    subprocess.run([*command, *map(str, wheels)], check=True)
    return folder / "site"


@pytest.fixture(autouse=True)
def path(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))


def test_the_registries_know_them_by_name() -> None:
    assert search_spaces.get("mine").name == "mine"
    assert trainables.get("fixed").name == "fixed"
    assert not trainables.get("made", noise=0.5).deterministic
    assert "mine" not in search_spaces.names() and "made" not in trainables.names()


def test_listings_show_what_works_and_report_what_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("optimizers") == 0
    printed = capsys.readouterr().out
    assert "[mine@mypkg==1.2]" in printed and "│ adam " in printed
    head = "The optimizer '{}' of otherpkg 0.1 "
    for said in (
        head.format("absent") + "cannot be loaded: ModuleNotFoundError: No module named",
        head.format("adam") + "is hidden by the built-in one.",
        head.format("number") + "must be an OptimizerSpec, got 3.",
        head.format("misnamed") + "must have the name of its entry point, got 'mine'.",
        "mypkg 1.2 and otherpkg 0.1 both offer the optimizer 'twice': uninstall one of them.",
    ):
        assert printed.count(said) == 1, said
    assert run("tasks") == 0
    printed = capsys.readouterr().out
    assert "[fixed@mypkg==1.2]" in printed and "[made@mypkg==1.2]" in printed
    assert "'failing' of otherpkg 0.1 cannot be made: RuntimeError: no data." in printed
    assert "'notask' of otherpkg 0.1 is no task: it lacks name, " in printed


def test_a_broken_one_is_refused_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = refusal(capsys, "optimizers", "absent")
    assert "'absent' of otherpkg 0.1 cannot be loaded: ModuleNotFoundError" in sentence
    assert "'absent' of otherpkg 0.1" in refusal(capsys, "check", "absent")
    words = ["sweep", "--dry-run", "--optimizer", "adam", "--task"]
    assert "cannot be made: RuntimeError" in refusal(capsys, *words, "failing")
    assert run(*words, "digits_mlp") == 0


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("made", {"nose": 1}, "made has no option 'nose'. Did you mean 'noise'?"),
        ("fixed", {"noise": 1}, "fixed has no option 'noise'."),
        ("mad", {}, "Unknown task 'mad'. Did you mean 'made'?"),
    ],
)
def test_wrong_names_and_options(name: str, options: dict[str, int], said: str) -> None:
    with pytest.raises(InputError) as error:
        trainables.get(name, **options)
    assert str(error.value).startswith(said)


def test_a_plugin_may_not_take_a_package_s_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refusal(capsys, "tasks", "--plugin", write(tmp_path, "my.py", MINE))
    assert "offers the optimizer 'mine', and mypkg 1.2 offers that name too" in sentence


def test_check_covers_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "made") == 0
    assert "ok      three_gradients with adamw" in capsys.readouterr().out


def test_help_and_names_touch_no_package(site: Path) -> None:
    code = (
        "import sys, search_spaces, trainables\nsearch_spaces.names(), trainables.names()\n"
        "from flowadam.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'optuna', 'mlflow', 'pandas', 'sklearn', 'mypkg', 'otherpkg'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    environment = {"PYTHONPATH": str(site), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stderr.strip() == "[]"


WORDS = ["--optimizer", "mine", "--optimizer", "adam", "--trials", "1", "--budget", "3"]
SWEEP = ["sweep", "--task", "made", *WORDS, "--confirm-seeds", "1", "--engine", "local", "--out"]


def test_rows_name_the_packages_they_depend_on(
    site: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*SWEEP, tmp_path / "out") == 0
    rows = Store(tmp_path / "out").rows()
    found = {row["optimizer"]: row["plugins"] for row in rows}
    made, mine = "made@mypkg==1.2", "mine@mypkg==1.2"
    assert found == {"mine": f"{made} {mine}", "adam": made, "zero": made}
    key = next(row["key"] for row in rows if row["optimizer"] == "mine")
    assert run("replay", tmp_path / "out", key) == 0
    assert "bit for bit" in capsys.readouterr().out

    driver_s = pickle.dumps(next(one for one in installed("task") if one.name == "made"))
    (site / "mypkg-1.2.dist-info").rename(site / "mypkg-1.3.dist-info")
    metadata = site / "mypkg-1.3.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.2", "Version: 1.3"))
    assert {one.version for one in installed("task") if one.package == "mypkg"} == {"1.3"}
    with pytest.raises(FlowAdamError, match=r"mypkg 1\.2 and the worker has 1\.3: install"):
        pickle.loads(driver_s)
    sentence = refusal(capsys, *SWEEP, tmp_path / "out")
    assert "comes from made@mypkg==1.3, and in the study in" in sentence
    assert "from made@mypkg==1.2: its rows could not be compared" in sentence
    assert run("replay", tmp_path / "out", key) == 0  # the code is the same, so the numbers are
    monkeypatch.undo()
    with pytest.raises(FlowAdamError, match=r"mypkg 1\.2 and the worker has none"):
        pickle.loads(driver_s)
    assert run("status", tmp_path / "out") == 0  # without the package
    assert capsys.readouterr().out.count("2/2") == 4
