"""``flowadam rodflow verify``: a table and a verdict, or one sentence and exit code 2."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowadam.cli import main

GOLDEN = Path(__file__).parents[1] / "golden"
Arrays = dict[str, Any]
LENGTH = 13


def run(argv: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(["rodflow", *argv])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    """The first steps of a recorded run, which take little time."""
    with np.load(GOLDEN / "rodflow_p1_snadam.npz") as file:
        found = dict(file)
    short = found["t_wbar"] <= LENGTH
    found["t_wbar"], found["wbar"] = found["t_wbar"][short], found["wbar"][short]
    for name in [name for name in found if name.startswith("err_")]:
        found[name] = found[name][: LENGTH + 1]
    del found["err_rod_matrix1"]
    return found


def saved(folder: Path, arrays: Arrays, name: str = "short_snadam.npz") -> Path:
    np.savez(folder / name, **arrays)
    return folder / name


def test_a_recorded_run_is_verified(
    tmp_path: Path, arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(saved(tmp_path, arrays))]) == 0
    printed = capsys.readouterr().out
    rows = {line.split("  ")[0]: line.split()[-6:] for line in printed.splitlines()}
    late = arrays["err_t"] >= arrays["onset"]
    for label, key in {
        "stable flow": "err_stable",
        "rod flow (matrix, rank 3)": "err_rod_matrix3",
        "rod flow (alternating)": "err_rod_alt",
    }.items():
        measured, stored, *_ = rows[label]
        assert float(stored) == pytest.approx(arrays[key][late].mean(), rel=1e-3)
        assert float(measured) == pytest.approx(float(stored), rel=0.3)
    assert rows["rod flow (alternating)"][3] == "12.0"
    assert printed.count("holds") == 2


def test_a_limit_that_is_not_kept_is_exit_code_1(
    tmp_path: Path, arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path, arrays)
    assert run(["verify", str(path), "--max-ratio", "1e-6"]) == 1
    assert "within 1e-06 of the stable flow" in capsys.readouterr().out


def test_steps_that_do_not_agree_are_exit_code_1(
    tmp_path: Path, arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path, {**arrays, "w2": arrays["w2"] + 1e-9})
    assert run(["verify", str(path)]) == 1
    assert "1.0e-09  FAILS" in capsys.readouterr().out


def test_another_name_of_the_file_does_not_matter(
    tmp_path: Path, arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(saved(tmp_path, arrays, "mine.npz"))]) == 0
    assert "mine.npz: snadam," in capsys.readouterr().out


def _without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {key: value for key, value in arrays.items() if key != name}


def _with(name: str, value: Any) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {**arrays, name: value}


def _changed(name: str, change: Callable[[Any], Any]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {**arrays, name: change(arrays[name])}


WRONG: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "no start": (_without("w0"), "missing: w0"),
    "no iterates": (_without("wbar"), "missing: wbar"),
    "no errors": (_without("err_stable"), "missing: err_stable"),
    "pickled array": (_with("X", np.array([{}], dtype=object)), "of plain arrays"),
    "text": (_with("lr", np.array("fast")), "array of real numbers"),
    "nan": (_with("X", np.full((100, 2), np.nan)), "`X` must be finite"),
    "short start": (_with("w0", np.ones(3)), "`w0` must have shape (151,), got (3,)"),
    "data of another width": (_with("X", np.ones((100, 3))), "`X` must have shape (100, 2)"),
    "data without rows": (_with("X", np.ones((0, 2))), "must"),
    "targets of another length": (_with("y", np.ones((7, 1))), "`y` must have shape (100, 1)"),
    "no layers": (_with("sizes", np.array([2])), "`sizes` must be"),
    "layers of no width": (_with("sizes", np.array([2, 0, 1])), "`sizes` must be"),
    "half layers": (_with("sizes", np.array([2.5, 1.5])), "`sizes` must be"),
    "a list of rates": (_with("lr", np.ones(3)), "`lr` must have shape ()"),
    "negative rate": (_with("lr", np.array(-1.0)), "`lr` must be a positive"),
    "times that fall": (_with("t_wbar", np.arange(4)[::-1] + 1), "`t_wbar` must be"),
    "onset after the end": (_with("onset", np.array(5000)), "`onset` must be"),
    "onset before the start": (_with("onset", np.array(-5)), "`onset` must be"),
    "iterates after the errors": (_changed("t_wbar", lambda t: t * 1000), "`t_wbar` must be at"),
    "no stable error": (_changed("err_stable", lambda e: e * 0), "`err_stable` must be above 0"),
    "negative errors": (_changed("err_rod_alt", lambda e: -e), "`err_rod_alt` must be distances"),
    "threshold of 0": (_with("threshold", np.array(0.0)), "`threshold` must be"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arrays_are_exit_code_2(
    name: str, tmp_path: Path, arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    change, words = WRONG[name]
    assert run(["verify", str(saved(tmp_path, change(arrays)))]) == 2
    _says(words, capsys)


def test_a_momentum_of_another_length_is_exit_code_2(
    tmp_path: Path, arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = {f"m{t}": np.ones(3) for t in range(3)}
    path = saved(tmp_path, {**arrays, **moments}, "short_adam.npz")
    assert run(["verify", str(path)]) == 2
    _says("`m0` and `nu0` must be what the optimizer keeps", capsys)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "must be readable: No such file"),
    "a folder": (lambda path: path.mkdir(), "must be readable: Is a directory"),
    "empty": (lambda path: path.write_bytes(b""), "npz file of plain arrays"),
    "text": (lambda path: path.write_text("w0 = 1"), "npz file of plain arrays"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"w0": 1})), "npz file of plain"),
    "one array": (lambda path: _one_array(path), "npz file of plain arrays"),
    "cut off": (lambda path: _cut(path), "npz file of plain arrays"),
}


def _one_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def _cut(path: Path) -> None:
    shutil.copy(GOLDEN / "rodflow_p2_gd.npz", path)
    path.write_bytes(path.read_bytes()[:20_000])


@pytest.mark.parametrize("name", FILES)
def test_wrong_files_are_exit_code_2(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = FILES[name]
    path = tmp_path / "file.npz"
    make(path)
    assert run(["verify", str(path)]) == 2
    _says(words, capsys)


@pytest.mark.parametrize("ratio", ["0", "-1", "nan", "inf"])
def test_a_ratio_out_of_range_is_exit_code_2(
    ratio: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = GOLDEN / "rodflow_p1_gd.npz"
    assert run(["verify", str(path), "--max-ratio", ratio]) == 2
    _says("`--max-ratio` must be a positive finite number", capsys)


def _says(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = capsys.readouterr().err
    assert words in error and error.startswith("flowadam: ")
    assert error.count("\n") == 1 and "Traceback" not in error
