"""Download a data set, parse it once, check its content, and keep the arrays alone."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from flowadam.datasets import storage
from flowadam.datasets.base import DataSet, File, Source, size_text
from flowadam.datasets.download import Report, download
from flowadam.datasets.failures import DownloadFailed
from flowadam.datasets.folder import VARIABLE
from flowadam.errors import FlowAdamError, InputError

SPACE = 3  # times the download: the file, its arrays, and room to breathe


def get(data: DataSet, folder: Path, report: Report, url: str | None = None) -> Path:
    """Return the stored file of a data set, downloaded, parsed and checked.

    Args:
        data: which.
        folder: where it shall lie; made when it is not there.
        report: is told the host, the bytes that are there and those of the whole.
        url: address that replaces the registry's; the hashes stay. For a data set of several
            files it is the address of their folder.

    Raises:
        InputError: the folder cannot be written, or `url` is no address.
        FlowAdamError: no room, no host, wrong content, or another process is at it. A broken
            connection leaves a ``.part`` file that the next call continues; anything that is
            proven wrong is removed.
    """
    work = _work_folder(data, folder)
    with _alone(work, data):
        try:
            _require_space(data, folder)
            files = {
                file.name: download(file, _sources(data, file, url), work, report)
                for file in data.files
            }
            return _stored(data, files, folder, work)
        except DownloadFailed as error:
            raise FlowAdamError(f"{data.name} could not be downloaded. {error}") from None
        finally:
            _remove_empty(work)


def _stored(data: DataSet, files: dict[str, Path], folder: Path, work: Path) -> Path:
    target = folder / data.stored
    try:
        arrays = data.convert(files)
        data.check(arrays)
        storage.write(target, arrays)
    except ValueError as error:
        shutil.rmtree(work)
        raise FlowAdamError(
            f"What was downloaded is not {data.name}: {error}. Nothing of it was kept."
        ) from None
    except OSError as error:
        raise FlowAdamError(f"{target} cannot be written: {error.strerror}.") from None
    shutil.rmtree(work)
    return target


def _sources(data: DataSet, file: File, url: str | None) -> tuple[Source, ...]:
    if url is None:
        return file.sources
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise InputError(f"An address begins with http:// or https://; got {url!r}.")
    owner = file.sources[0]
    if len(data.files) > 1:
        url = f"{url.rstrip('/')}/{owner.file}"
    return (replace(owner, url=url),)


def _work_folder(data: DataSet, folder: Path) -> Path:
    work = folder / "downloads" / data.name
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be written ({error.strerror}): point {VARIABLE} to "
            "another."
        ) from None
    return work


def _require_space(data: DataSet, folder: Path) -> None:
    free, needed = shutil.disk_usage(folder).free, SPACE * data.about
    if free < needed:
        raise FlowAdamError(
            f"{data.name} needs {size_text(needed)} while it is parsed; {folder} has "
            f"{size_text(free)} left."
        )


@contextmanager
def _alone(work: Path, data: DataSet) -> Iterator[None]:
    """Hold the folder of unfinished files against other processes on this machine."""
    handle = os.open(work, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            os.close(handle)
            raise FlowAdamError(f"Another process is getting {data.name} right now.") from None
        # Some network file systems lock no folders: two processes then hinder each other, and
        # the hash finds it.
    try:
        yield
    finally:
        os.close(handle)


def _remove_empty(work: Path) -> None:
    for folder in (work, work.parent):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
