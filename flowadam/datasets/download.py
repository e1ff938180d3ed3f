"""A file of a data set from the first host that has it, with the SHA-256 that is published."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flowadam.datasets.base import File, Source, size_text
from flowadam.datasets.failures import DownloadFailed, Interrupted, Refused
from flowadam.datasets.transfer import transfer

if TYPE_CHECKING:
    from requests import Session

Report = Callable[[str, int, int | None], None]  # host, bytes that are there, bytes of the whole
TRIES = 5  # of one host, as long as each brings new bytes
PAUSE = 1.0  # seconds before the second try, doubled for each further one


def download(file: File, sources: Sequence[Source], folder: Path, report: Report) -> Path:
    """Return the file in `folder`, its hash compared; hosts are tried in turn.

    An unfinished file is called ``<name>.<hash>.part`` and is continued by the next host or the
    next call. One whose hash is wrong is removed.

    Raises:
        DownloadFailed: no host served it; says why for each, and what is kept.
        FlowAdamError: the disk refused.
    """
    reasons: list[str] = []
    with session() as connection:
        for source in sources:
            target = folder / f"{file.name}.{_tag(source)}"
            if source.sha256 and target.exists() and sha256(target) == source.sha256:
                return target
            try:
                return _from_host(connection, source, file, target, report)
            except (Interrupted, Refused) as error:
                reasons.append(f"{host(source)}: {error}.")
    raise DownloadFailed(" ".join([*dict.fromkeys(reasons), *_kept(folder, file)]))


def session() -> Session:
    """Return a connection that says who asks. Proxies are taken from the environment."""
    import requests

    from flowadam import __version__

    connection = requests.Session()
    connection.headers["User-Agent"] = f"flowadam/{__version__}"
    return connection


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def host(source: Source) -> str:
    """Return the name of the machine an address leads to, without the user's name and password."""
    return urlsplit(source.url).netloc.rpartition("@")[2]


def _from_host(
    connection: Session, source: Source, file: File, target: Path, report: Report
) -> Path:
    part = target.with_name(target.name + ".part")
    if not source.sha256:
        part.unlink(missing_ok=True)  # nothing would show that its two halves belong together
    continued = _all_of_it(connection, source, file, part, report)
    if continued and not _right(source, part):
        part.unlink()  # the fault may lie in the older half
        _all_of_it(connection, source, file, part, report)
    if not _right(source, part):
        found = part.stat().st_size
        part.unlink()
        raise Refused(_difference(source, found))
    return part.replace(target)


def _all_of_it(connection: Session, source: Source, file: File, part: Path, report: Report) -> bool:
    """Go on while each try brings new bytes; return True if `part` was made in more than one go."""
    began = part.exists()
    for attempt in range(TRIES):
        before = _length(part)
        try:
            transfer(connection, source, file, part, lambda n, of: report(host(source), n, of))
            return began or attempt > 0
        except Interrupted:
            if source.sha256 and part.exists() and _right(source, part):
                return False  # all of it came, although the host announced more
            if _length(part) <= before or attempt == TRIES - 1:
                raise
            time.sleep(PAUSE * 2**attempt)
    raise AssertionError("the last try returns or raises")


def _right(source: Source, part: Path) -> bool:
    return source.sha256 is None or sha256(part) == source.sha256


def _difference(source: Source, found: int) -> str:
    if source.size is not None and found != source.size:
        return f"it sends {found:,} bytes instead of {source.size:,}"
    return f"the SHA-256 of what it sends ({size_text(found)}) is not the published one"


def _kept(folder: Path, file: File) -> list[str]:
    parts = folder.glob(f"{file.name}.*.part")
    return [f"{size_text(_length(part))} are kept; the same command goes on." for part in parts]


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tag(source: Source) -> str:
    return source.sha256[:8] if source.sha256 else "unpublished"
