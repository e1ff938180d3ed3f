"""A download against a server that misbehaves in every way a server can."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_server import MANNERS, DataServer
from tiny_files import sha256

from flowadam.datasets.base import File, Source
from flowadam.datasets.download import TRIES, download
from flowadam.datasets.failures import DownloadFailed
from flowadam.errors import FlowAdamError

CONTENT = np.random.default_rng(1).bytes(200_000)
HALF = len(CONTENT) // 2

# manner -> what the sentence must say (None: the file arrives), when its size is published
KNOWN_SIZE = {
    "good": None,
    "ignores_ranges": None,
    "drops_once": None,
    "drops_and_forgets_ranges": None,
    "drops_then_ranges_elsewhere": None,
    "drops_then_no_range_header": None,
    "drops_then_wrong_bytes": None,
    "drops_then_416": None,
    "without_length": None,
    "labelled_gzip": None,
    "redirects": None,
    "drops_always": "the connection failed",
    "truncates": "it announces 100,000 bytes; the file has 200,000",
    "truncates_without_length": "it sends 100,000 bytes instead of 200,000",
    "announces_more": "it announces 201,000 bytes; the file has 200,000",
    "announces_less": "it announces 199,990 bytes; the file has 200,000",
    "never_ends": "more than the 250,000 bytes",
    "wrong_bytes": "is not the published one",
    "page": "a web page (HTML)",
    "page_called_zip": "a web page (HTML)",
    "circles": "redirects in a circle",
    "redirects_to_a_file": "the connection failed",
    "silent": "does not answer in time",
    "stalls": "does not answer in time",
    "range_without_asking": "it answers 206",
    "404": "it answers 404 Not Found",
    "500": "it answers 500 Internal Server Error",
}
NOT_THE_PUBLISHED = "is not the published one"
UNKNOWN_SIZE = KNOWN_SIZE | {
    "truncates": NOT_THE_PUBLISHED,
    "truncates_without_length": NOT_THE_PUBLISHED,
    "announces_more": None,  # the hash says that all of it has come
    "announces_less": NOT_THE_PUBLISHED,
    "page": "a web page (HTML)",
}
KEEPS_PART = {"drops_always", "stalls"}


def a_file(server: DataServer, manner: str, size: int | None = len(CONTENT)) -> File:
    server.files["a.bin"] = CONTENT
    source = Source(f"{server.url}/{manner}/a.bin", sha256(CONTENT), size)
    return File("a", (source,), most=250_000)


def fetch(file: File, folder: Path) -> Path:
    return download(file, file.sources, folder, lambda host, done, total: None)


def test_the_tables_name_every_manner() -> None:
    assert set(KNOWN_SIZE) == set(UNKNOWN_SIZE) == set(MANNERS)


@pytest.mark.parametrize("size", [len(CONTENT), None])
@pytest.mark.parametrize("manner", MANNERS)
def test_the_file_arrives_whole_or_a_sentence_says_why_not(
    manner: str, size: int | None, server: DataServer, tmp_path: Path
) -> None:
    file = a_file(server, manner, size)
    sentence = (KNOWN_SIZE if size else UNKNOWN_SIZE)[manner]
    if sentence is None:
        path = fetch(file, tmp_path)
        assert path.read_bytes() == CONTENT
        assert list(tmp_path.iterdir()) == [path]
        return
    with pytest.raises(DownloadFailed) as failed:
        fetch(file, tmp_path)
    assert sentence in str(failed.value) and "127.0.0.1" in str(failed.value)
    left = [path.suffix for path in tmp_path.iterdir()]
    assert left == ([".part"] if manner in KEEPS_PART else [])


def test_a_resumed_download_fetches_the_missing_bytes_alone(
    server: DataServer, tmp_path: Path
) -> None:
    fetch(a_file(server, "drops_once"), tmp_path)
    assert server.sent == len(CONTENT)
    first, second = server.ranges
    assert first is None and second is not None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= HALF


def test_the_next_call_goes_on_where_the_last_one_stopped(
    server: DataServer, tmp_path: Path
) -> None:
    with pytest.raises(DownloadFailed, match=r"are kept; the same command goes on"):
        fetch(a_file(server, "drops_always"), tmp_path)
    assert len(server.ranges) == TRIES
    (part,) = tmp_path.iterdir()
    kept = part.stat().st_size
    assert kept == 100 * TRIES and CONTENT.startswith(part.read_bytes())
    server.ranges.clear()
    fetch(a_file(server, "good"), tmp_path)
    assert server.ranges == [f"bytes={kept}-"]


def test_a_damaged_part_is_found_and_all_of_it_fetched_anew(
    server: DataServer, tmp_path: Path
) -> None:
    file = a_file(server, "good")
    part = tmp_path / f"a.{sha256(CONTENT)[:8]}.part"
    part.write_bytes(bytes(HALF))
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-", None]


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 1, 0])
def test_a_part_of_any_length_is_judged_by_its_hash(
    length: int, server: DataServer, tmp_path: Path
) -> None:
    file = a_file(server, "good")
    part = tmp_path / f"a.{sha256(CONTENT)[:8]}.part"
    part.write_bytes((CONTENT + b"x")[:length])
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert server.ranges == ([] if length == len(CONTENT) else [None])


def test_a_file_that_was_verified_is_not_fetched_again(server: DataServer, tmp_path: Path) -> None:
    file = a_file(server, "good")
    path = fetch(file, tmp_path)
    fetch(file, tmp_path)
    assert len(server.ranges) == 1
    path.write_bytes(b"changed meanwhile")
    assert fetch(file, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("first", [m for m, sentence in KNOWN_SIZE.items() if sentence])
def test_the_next_host_is_asked(first: str, server: DataServer, tmp_path: Path) -> None:
    (bad,), (good,) = a_file(server, first).sources, a_file(server, "good").sources
    file = replace(a_file(server, "good"), sources=(bad, good))
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert len(list(tmp_path.iterdir())) == 1


def test_every_host_is_named_when_none_has_it(server: DataServer, tmp_path: Path) -> None:
    sources = tuple(a_file(server, manner).sources[0] for manner in ("404", "page", "truncates"))
    with pytest.raises(DownloadFailed) as failed:
        fetch(replace(a_file(server, "404"), sources=sources), tmp_path)
    assert all(KNOWN_SIZE[m] in str(failed.value) for m in ("404", "page", "truncates"))


def test_nobody_listens(server: DataServer, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.bin"
    with pytest.raises(DownloadFailed, match="Connection refused"):
        fetch(File("a", (Source(url, sha256(CONTENT)),), most=1000), tmp_path)


def test_without_a_published_hash_nothing_is_continued(server: DataServer, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    (tmp_path / "a.unpublished.part").write_bytes(b"of another day")
    source = Source(f"{server.url}/good/a.bin", None)
    assert fetch(File("a", (source,), most=250_000), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk without room")
def test_a_full_disk_is_said(server: DataServer, tmp_path: Path) -> None:
    part = tmp_path / f"a.{sha256(CONTENT)[:8]}.part"
    part.symlink_to("/dev/full")
    with pytest.raises(FlowAdamError, match=r"cannot be written: No space left on device\.$"):
        fetch(a_file(server, "good"), tmp_path)


def test_an_answer_without_end_is_left_early(server: DataServer, tmp_path: Path) -> None:
    file, seen = a_file(server, "never_ends", None), [0]
    with pytest.raises(DownloadFailed):
        download(file, file.sources, tmp_path, lambda host, done, total: seen.append(done))
    assert 0 < max(seen) <= file.most


def test_progress_counts_up_to_the_whole(server: DataServer, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    file = a_file(server, "good")
    download(file, file.sources, tmp_path, lambda *state: seen.append(state))
    done = [n for _, n, _ in seen]
    assert done == sorted(done) and done[-1] == len(CONTENT)
    assert {(host, of) for host, _, of in seen} == {(server.url[7:], len(CONTENT))}
