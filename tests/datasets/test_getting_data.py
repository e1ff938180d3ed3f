"""A data set from a server to arrays in a folder, and nothing left when it is not the data set."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_files as made
from data_server import DataServer

from flowadam.datasets import getting, storage
from flowadam.datasets.base import DataSet
from flowadam.datasets.jester import JESTER1
from flowadam.errors import FlowAdamError, InputError


def silent(host: str, done: int, total: int | None) -> None:
    """Take the progress and say nothing."""


def test_one_archive_becomes_one_file(server: DataServer, tmp_path: Path) -> None:
    server.files["archive"] = made.jester_archive()
    path = getting.get(made.tiny_jester(f"{server.url}/good"), tmp_path, silent)
    assert list(tmp_path.iterdir()) == [path] == [tmp_path / "jester1.parquet"]
    assert list(storage.read(path)) == ["user", "item", "rating"]


def test_eight_files_become_one(server: DataServer, tmp_path: Path) -> None:
    data, server.files = made.tiny_cora(f"{server.url}/drops_once")
    path = getting.get(data, tmp_path, silent)
    assert list(tmp_path.iterdir()) == [path] == [tmp_path / "cora.npz"]
    assert server.sent == sum(map(len, server.files.values()))


def test_files_that_are_verified_wait_for_the_others(server: DataServer, tmp_path: Path) -> None:
    data, files = made.tiny_cora(f"{server.url}/good")
    server.files = files
    broken = replace(data.files[5], sources=(replace(data.files[5].sources[0], sha256="0" * 64),))
    bad = replace(data, files=(*data.files[:5], broken, *data.files[6:]))
    with pytest.raises(FlowAdamError, match=r"cora could not be downloaded\. 127.*not the pub"):
        getting.get(bad, tmp_path, silent)
    assert len(list((tmp_path / "downloads" / "cora").iterdir())) == 5
    server.ranges.clear()
    getting.get(data, tmp_path, silent)
    assert len(server.ranges) == 3 and len(list(tmp_path.iterdir())) == 1


def test_a_pickle_of_another_hash_is_never_opened(
    server: DataServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, server.files = made.tiny_cora(f"{server.url}/wrong_bytes")
    monkeypatch.setattr("flowadam.datasets.pickles.loads", lambda content: pytest.fail("opened"))
    with pytest.raises(FlowAdamError, match="not the published one"):
        getting.get(data, tmp_path, silent)
    assert not list(tmp_path.iterdir())


# what the archive holds although its hash is right, and what the sentence says
WRONG_CONTENT: dict[str, tuple[Callable[[], bytes], str]] = {
    "page": (lambda: b"no zip at all", "no whole zip"),
    "other member": (lambda: made.zipped({"other.xls": b""}), "it holds no jester-data-1.xls"),
    "up": (lambda: made.zipped({"../../evil": b"x"}), "leads out of its folder"),
    "no workbook": (lambda: made.zipped({"jester-data-1.xls": b"1,2,3"}), "no .xls workbook"),
    "other values": (
        lambda: made.zipped({"jester-data-1.xls": made.xls(-made.jester_sheet())}),
        "ratings in row 1",
    ),
}


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("case", WRONG_CONTENT)
def test_wrong_content_is_refused_and_nothing_stays(
    case: str, hashed: bool, server: DataServer, tmp_path: Path
) -> None:
    make, sentence = WRONG_CONTENT[case]
    server.files["archive"] = make()
    data = made.tiny_jester(f"{server.url}/good", make())
    if not hashed:
        data = without_hash(data)
    with pytest.raises(FlowAdamError, match=f"is not jester1: .*{sentence}.*Nothing of it was kep"):
        getting.get(data, tmp_path / "data", silent)
    assert not list((tmp_path / "data").iterdir()) and len(list(tmp_path.iterdir())) == 1


def without_hash(data: DataSet) -> DataSet:
    source = replace(data.files[0].sources[0], sha256=None, size=None)
    return replace(data, files=(replace(data.files[0], sources=(source,)),))


def test_a_packing_without_a_published_hash_is_judged_by_its_content(
    server: DataServer, tmp_path: Path
) -> None:
    server.files["archive"] = made.jester_archive()
    data = without_hash(made.tiny_jester(f"{server.url}/good"))
    assert getting.get(data, tmp_path, silent).exists()


def test_the_tiny_ratings_are_not_jester(server: DataServer, tmp_path: Path) -> None:
    server.files["archive"] = made.jester_archive()
    data = replace(made.tiny_jester(f"{server.url}/good"), check=JESTER1.check)
    with pytest.raises(FlowAdamError, match=r"shape of user: \(\d+\) instead of \(1,810,455\)"):
        getting.get(data, tmp_path, silent)


def test_another_address_keeps_the_hash(server: DataServer, tmp_path: Path) -> None:
    server.files = {"mirror.zip": made.jester_archive(), "wrong.zip": b"PK\3\4"}
    data = made.tiny_jester("http://127.0.0.1:9/nobody")
    with pytest.raises(FlowAdamError, match="it announces 4 bytes"):
        getting.get(data, tmp_path, silent, url=f"{server.url}/good/wrong.zip")
    assert getting.get(data, tmp_path, silent, url=f"{server.url}/good/mirror.zip").exists()


def test_another_address_of_several_files_is_their_folder(
    server: DataServer, tmp_path: Path
) -> None:
    data, server.files = made.tiny_cora("http://127.0.0.1:9")
    assert getting.get(data, tmp_path, silent, url=f"{server.url}/good/").exists()


@pytest.mark.parametrize("url", ["file:///etc/hostname", "mirror.zip", "http://"])
def test_an_address_is_http(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="begins with http"):
        getting.get(made.tiny_jester("http://x"), tmp_path, silent, url=url)
    assert not list(tmp_path.iterdir())


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written \(Not a directory\): point FLOWADAM"):
        getting.get(made.tiny_jester("http://x"), tmp_path / "file", silent)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\)"):
        getting.get(made.tiny_jester("http://x"), tmp_path / "data", silent)


def test_too_little_room_is_said_before_anything_is_asked(
    server: DataServer, tmp_path: Path
) -> None:
    free = shutil.disk_usage(tmp_path).free
    data = replace(made.tiny_jester(f"{server.url}/good"), about=free)
    with pytest.raises(FlowAdamError, match=r"jester1 needs .* while it is parsed; .* left\."):
        getting.get(data, tmp_path, silent)
    assert not server.ranges and not list(tmp_path.iterdir())


def test_a_failed_writing_leaves_no_file(server: DataServer, tmp_path: Path) -> None:
    server.files["archive"] = made.jester_archive()
    (tmp_path / "jester1.parquet.tmp").mkdir()
    with pytest.raises(FlowAdamError, match=r"jester1\.parquet cannot be written: Is a directory"):
        getting.get(made.tiny_jester(f"{server.url}/good"), tmp_path, silent)
    assert not (tmp_path / "jester1.parquet").exists()


def test_two_processes_do_not_get_in_each_others_way(server: DataServer, tmp_path: Path) -> None:
    work = tmp_path / "downloads" / "jester1"
    work.mkdir(parents=True)
    handle = os.open(work, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)  # even a reader keeps others out
    with pytest.raises(FlowAdamError, match="Another process is getting jester1"):
        getting.get(made.tiny_jester(f"{server.url}/good"), tmp_path, silent)
    os.close(handle)
    server.files["archive"] = made.jester_archive()
    assert getting.get(made.tiny_jester(f"{server.url}/good"), tmp_path, silent).exists()


def test_an_interrupt_leaves_a_part_that_is_continued(server: DataServer, tmp_path: Path) -> None:
    server.files["archive"] = made.jester_archive()
    data = made.tiny_jester(f"{server.url}/good")

    def interrupt(host: str, done: int, total: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        getting.get(data, tmp_path, interrupt)
    (part,) = (tmp_path / "downloads" / "jester1").iterdir()
    assert part.suffix == ".part"
    kept = part.stat().st_size
    assert kept > 100_000
    server.ranges.clear()
    assert getting.get(data, tmp_path, silent).exists()
    assert server.ranges == [f"bytes={kept}-"] and len(list(tmp_path.iterdir())) == 1
