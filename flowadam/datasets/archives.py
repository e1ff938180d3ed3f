"""Members of an archive as bytes. Nothing is ever unpacked onto the disk."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO


def zip_members(path: Path, names: Sequence[str], most: int) -> list[bytes]:
    """Return the named members of a zip file, in the order asked.

    Args:
        path: the archive.
        names: exact names of members.
        most: bytes above which a member cannot be meant (an archive may unpack to anything).

    Raises:
        ValueError: it is no zip file, is cut, lacks a member, holds a name that leads out of a
            folder, or a member is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _require_safe(archive.namelist())
            _require_there(names, archive.namelist())
            return [_limited(archive.open(name), name, most) for name in names]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is no whole zip file ({error})") from None


def tar_members(path: Path, names: Sequence[str], most: int) -> list[bytes]:
    """Return the named members of a gzip-compressed tar file, in the order asked.

    Raises:
        ValueError: as `zip_members`; or a member is no plain file.
    """
    try:
        with gzip.open(path) as packed:
            with tarfile.open(fileobj=packed, mode="r:") as archive:
                found = _tar_contents(archive, set(names), most)
            while packed.read(1 << 20):  # the checksum of all stands at the end
                pass
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"it is no whole tar.gz file ({error})") from None
    _require_there(names, found)
    return [found[name] for name in names]


def _tar_contents(archive: tarfile.TarFile, names: set[str], most: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for member in archive:  # one pass: going back in a compressed file means starting again
        _require_safe([member.name])
        if member.name in names:
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                raise ValueError(f"{member.name} in it is no plain file")
            found[member.name] = _limited(content, member.name, most)
    return found


def _limited(file: IO[bytes], name: str, most: int) -> bytes:
    with file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} in it is larger than {most:,} bytes")
    return content


def _require_safe(names: Sequence[str]) -> None:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"it holds the name {name!r}, which leads out of its folder")


def _require_there(names: Sequence[str], found: Sequence[str] | dict[str, bytes]) -> None:
    for name in names:
        if name not in found:
            raise ValueError(f"it holds no {name}")
