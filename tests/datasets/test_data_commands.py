"""``flowadam data`` as it is typed: sentences, exit codes, terms, narrow terminals."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_files as made
from data_server import MANNERS, DataServer
from rich.console import Console, Group

from flowadam import datasets
from flowadam.cli import main
from flowadam.cli.transfer_line import TransferLine
from flowadam.datasets import catalog, storage
from flowadam.datasets.base import DataSet, Part, Source, size_text
from flowadam.datasets.cifar import CIFAR10
from flowadam.datasets.cora import CORA
from flowadam.datasets.download import host
from flowadam.datasets.failures import network_reason
from flowadam.errors import InputError


@pytest.fixture
def tiny(server: DataServer, data_home: Path, monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """Put three people's ratings in the place of Jester, on a server that behaves."""
    server.files["archive"] = made.jester_archive()
    data = made.tiny_jester(f"{server.url}/good")
    monkeypatch.setitem(catalog._ALL, "jester1", data)
    return data


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["data", *words])
    return int(end.value.code or 0)


def test_list_names_content_size_terms_and_presence(
    data_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are looked into: a file of the right name with other content is not here."""
    cora = made.tiny_cora("")[0]
    part = Part("cifar10_small.npz", "Some of it.", lambda arrays: None)
    monkeypatch.setitem(catalog._ALL, "cora", cora)
    monkeypatch.setitem(catalog._ALL, "cifar10", replace(CIFAR10, part=part))
    data_home.mkdir()
    storage.write(data_home / "cora.npz", made.tiny_graph())
    storage.write(data_home / "cifar10_small.npz", {"x": np.zeros(1)})
    (data_home / "jester1.parquet").touch()
    storage.write(data_home / "ml100k.parquet", {"user": np.zeros(3)})
    assert run("list") == 0
    text = capsys.readouterr().out
    for name in datasets.names():
        data = catalog.find(name)
        assert data.summary in text and data.short_terms in text
    lines = text.splitlines()
    assert "jester1  3.9 MB  damaged (jester1.parquet)" in lines
    assert "ml100k  4.9 MB  damaged (ml100k.parquet)" in lines
    assert f"cora  {size_text(cora.about)}  here" in lines
    assert "cifar10  170 MB  a part here (cifar10_small.npz)" in lines
    damage = " ".join(text.split())
    assert "Damage: it is no whole Parquet file" in damage
    assert "Damage: arrays: ['user'] instead of" in damage


@pytest.mark.parametrize("words", [("list",), ("where",), ("get", "cora", "--yes")])
def test_a_file_is_no_folder(
    words: tuple[str, ...], data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_home.write_text("no folder")
    assert run(*words) == 2
    assert f"{data_home} is none: point FLOWADAM_DATA to one" in capsys.readouterr().err
    with pytest.raises(InputError, match="lie in a folder"):
        datasets.path("cora")


@pytest.mark.parametrize("word", ["list", "where"])
def test_a_folder_that_is_not_there_is_said(
    word: str, data_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(word) == 0
    assert f"{data_home} is not there" in capsys.readouterr().err
    data_home.mkdir()
    assert run(word) == 0
    assert "is not there" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [("list",), ("get", "jester1", "--yes")])
def test_forty_columns_are_enough(
    words: tuple[str, ...],
    tiny: DataSet,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert run(*words) == 0
    lines = capsys.readouterr().out.splitlines()
    wide = [line for line in lines if len(line) > 40 and "/" not in line]
    assert lines and not wide, wide


def test_where_is_for_people_and_for_scripts(
    data_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("where") == 0
    assert capsys.readouterr().out == f"{data_home}\n"
    part = data_home / "downloads" / "ml100k" / "archive.50d2a982.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(5000))
    (data_home / "cora.npz").write_bytes(bytes(1234))
    assert run("where") == 0
    first, cora, unfinished = capsys.readouterr().out.splitlines()
    assert first == str(data_home) and cora.startswith("cora  cora.npz  1 kB  damaged: ")
    storage.write(data_home / "cora.npz", made.tiny_graph())
    monkeypatch.setitem(catalog._ALL, "cora", made.tiny_cora("")[0])
    assert run("where") == 0
    assert f"  {CORA.statement}" in capsys.readouterr().out.splitlines()[1]
    assert unfinished == "ml100k  downloads/ml100k/archive.50d2a982.part  5 kB  unfinished"


def test_get_shows_the_terms_downloads_and_says_where(
    tiny: DataSet, data_home: Path, capsys: pytest.CaptureFixture[str], server: DataServer
) -> None:
    assert run("get", "jester1", "--yes") == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in (tiny.terms, tiny.reference, tiny.page, str(data_home / "jester1.parquet")):
        assert part in text
    assert datasets.path("jester1") == data_home / "jester1.parquet"
    users, items, values = datasets.ratings("jester1")
    sheet = made.jester_sheet()
    assert np.array_equal(sheet[users, items + 1].astype(np.float32), values)
    assert run("get", "jester1") == 0
    assert "is there already, and its content is right" in capsys.readouterr().out
    assert len(server.ranges) == 1


def test_a_damaged_file_is_replaced_when_the_download_has_succeeded(
    tiny: DataSet, data_home: Path, capsys: pytest.CaptureFixture[str], server: DataServer
) -> None:
    data_home.mkdir()
    stored = data_home / "jester1.parquet"
    stored.write_bytes(b"damaged")
    assert run("get", "jester1", "--yes", "--url", f"{server.url}/404/archive") == 1
    assert stored.read_bytes() == b"damaged"
    assert "is not the data set 'jester1'" in capsys.readouterr().err
    assert run("get", "jester1", "--yes") == 0
    assert list(storage.read(stored)) == ["user", "item", "rating"]


def test_without_a_terminal_and_without_yes_nothing_is_downloaded(
    tiny: DataSet,
    data_home: Path,
    capsys: pytest.CaptureFixture[str],
    server: DataServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert run("get", "jester1") == 2
    said = capsys.readouterr()
    assert "no terminal to ask in" in said.err and "--yes" in said.err and "Terms:" in said.out
    assert not server.ranges and not data_home.exists()


SENTENCES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown": (("get", "jester", "--yes"), 2, "Did you mean 'jester1'?"),
    "no name": (("get",), 2, "NAME"),
    "no address": (("get", "jester1", "--yes", "--url", "x.zip"), 2, "begins with http://"),
    "page": (("get", "jester1", "--yes", "--url", "page"), 1, "a web page (HTML)"),
    "wrong bytes": (("get", "jester1", "--yes", "--url", "wrong_bytes"), 1, "not the published"),
    "cut": (("get", "jester1", "--yes", "--url", "truncates"), 1, "announces"),
    "missing": (("get", "jester1", "--yes", "--url", "404"), 1, "404 Not Found"),
    "circle": (("get", "jester1", "--yes", "--url", "circles"), 1, "in a circle"),
    "silent": (("get", "jester1", "--yes", "--url", "silent"), 1, "does not answer in time"),
    "command": (("fetch",), 2, "fetch"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_failures_are_one_sentence_and_leave_nothing(
    case: str,
    tiny: DataSet,
    data_home: Path,
    capsys: pytest.CaptureFixture[str],
    server: DataServer,
) -> None:
    words, code, sentence = SENTENCES[case]
    if words[-1] in MANNERS:
        words = (*words[:-1], f"{server.url}/{words[-1]}/archive")
    assert run(*words) == code
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said
    assert not data_home.exists() or not list(data_home.iterdir())


def test_debug_shows_the_place(
    tiny: DataSet, server: DataServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{server.url}/404/archive"
    with pytest.raises(SystemExit) as end:
        main(["data", "get", "jester1", "--yes", "--url", url, "--debug"])
    said = capsys.readouterr().err
    assert end.value.code == 1
    assert "Traceback" in said and "404" in said


def test_passwords_and_raw_bytes_are_not_printed() -> None:
    assert host(Source("http://bob:secret@here:80/x", None)) == "here:80"
    assert network_reason(ValueError("a\x00b\x1b[31m")) == "the connection failed (ab[31m)"


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import tiny_files as made
from flowadam.cli import main
from flowadam.datasets import catalog, download
download.PAUSE = 0.0
catalog._ALL["jester1"] = made.tiny_jester(sys.argv[2])
main(["data", "get", "jester1", *sys.argv[3:]])
"""


def in_a_terminal(
    url: str, *words: str, on: dict[str, Callable[[int, int], None]]
) -> tuple[int, str]:
    """Run `get` in a real terminal of 40 columns; call `on[text]` when that text has appeared."""
    here = str(Path(__file__).parent)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["COLUMNS"] = "40"
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM, here, url, *words])
    seen, waiting, end = "", dict(on), time.monotonic() + 20
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        try:
            piece = os.read(terminal, 4096) if ready else b""
        except OSError:  # the other side is closed
            break
        seen += piece.decode(errors="replace")
        for text in [text for text in waiting if text in seen]:
            waiting.pop(text)(pid, terminal)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_a_terminal_is_asked(answer: str, code: int, tiny: DataSet, server: DataServer) -> None:
    def reply(pid: int, terminal: int) -> None:
        os.write(terminal, answer.encode())

    ended, text = in_a_terminal(f"{server.url}/good", on={"these terms? [y/N]": reply})
    assert ended == code and len(server.ranges) == (code == 0)
    assert ("was not downloaded" in text) == (code == 1)


def test_control_c_leaves_a_part_and_the_same_command_goes_on(
    tiny: DataSet, server: DataServer, data_home: Path
) -> None:
    def interrupt(pid: int, terminal: int) -> None:
        os.kill(pid, signal.SIGINT)

    ended, text = in_a_terminal(f"{server.url}/stalls", "--yes", on={" kB of 201 kB": interrupt})
    assert ended == 1 and "interrupted; what" in text and "Traceback" not in text
    (part,) = (data_home / "downloads" / "jester1").iterdir()
    kept = part.stat().st_size
    assert part.suffix == ".part" and 0 < kept < len(server.files["archive"])
    server.ranges.clear()
    assert run("get", "jester1", "--yes") == 0
    assert server.ranges == [f"bytes={kept}-"]
    assert [path.name for path in data_home.iterdir()] == ["jester1.parquet"]


def test_the_line_of_a_download_fits_any_width() -> None:
    for width in (40, 100):
        console = Console(file=io.StringIO(), width=width)
        line = TransferLine("cifar10", console)
        line.update("www.cs.toronto.edu", 0, 170_498_071)
        time.sleep(0.01)
        line.update("www.cs.toronto.edu", 85_249_035, 170_498_071)
        console.print(Group(line.text()))  # as the live display does
        (text,) = console.file.getvalue().splitlines()
        assert text.startswith("cifar10  85 MB of 170 MB  50%  ") and len(text) <= width
    assert re.search(r"s left  [\d.]+ [kMG]?B/s  www\.cs\.toronto\.edu$", text)


def test_a_log_gets_no_more_than_a_line_in_ten_seconds() -> None:
    console = Console(file=io.StringIO(), width=80)
    with TransferLine("cora", console) as line:
        for done in range(100):
            line.update("host", done, None)
        assert console.file.getvalue() == ""
        line._printed -= 11
        line.update("host", 100, None)
        line.update("host", 101, None)
    assert console.file.getvalue().count("\n") == 1


def test_the_commands_load_no_torch(tiny: DataSet) -> None:
    code = (
        "import sys\nfrom flowadam.cli import main\n"
        "try:\n    main(['data', 'list'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'pandas', 'ray', 'mlflow'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]" and "cora" in done.stdout


def test_every_source_is_complete() -> None:
    for name in datasets.names():
        data = catalog.find(name)
        assert data.terms.endswith(".") and data.reference.endswith(".") and data.files
        for file in data.files:
            assert file.sources[0].sha256 is not None
            for source in file.sources:
                assert re.fullmatch(r"https?://[^ ]+", source.url)
                assert source.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", source.sha256)
        pickled = name in ("cifar10", "cora")
        assert not pickled or all(s.sha256 for file in data.files for s in file.sources)
