"""One answer of one host into a ``.part`` file: continued where it stopped, refused when wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flowadam.datasets.base import File, Source
from flowadam.datasets.failures import Interrupted, Refused, network_reason
from flowadam.errors import FlowAdamError

if TYPE_CHECKING:
    from requests import Response, Session

Watch = Callable[[int, int | None], None]  # bytes that are there, bytes of the whole if known
CHUNK = 1 << 15
TIMEOUT = (20.0, 60.0)  # seconds to connect, seconds between two pieces
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_HTML = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|!--|\?xml|html|head|body)", re.IGNORECASE)


def transfer(session: Session, source: Source, file: File, part: Path, watch: Watch) -> None:
    """Bring `part` to the length of the whole, as far as the host says it; the hash is not checked.

    Bytes that are there are not fetched again where the host keeps to the rule of ranges: status
    206 and a ``Content-Range`` that begins where `part` ends. Otherwise all comes anew.

    Raises:
        Interrupted: the connection failed; what arrived is in `part`, to be continued.
        Refused: the answer is not the file. `part` is gone if its bytes are proven wrong, and is
            as it was if the host just did not serve it.
        FlowAdamError: the disk refused.
    """
    start = part.stat().st_size if part.exists() else 0
    if start and start == source.size:
        return
    if source.size is not None and start > source.size:
        part.unlink()
        start = 0
    with _asked(session, source.url, start) as response:
        if not start or _continues(response, start):
            _receive(response, source, file, part, start, watch)
            return
        if response.status_code == 200:  # the host knows no ranges and sends the whole
            _receive(response, source, file, part, 0, watch)
            return
    with _asked(session, source.url, 0) as response:
        _receive(response, source, file, part, 0, watch)


def _asked(session: Session, url: str, start: int) -> Response:
    from requests import RequestException

    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        return session.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    except (RequestException, OSError, ValueError) as error:
        raise Interrupted(network_reason(error)) from None


def _continues(response: Response, start: int) -> bool:
    """Return True for status 206 that begins at `start`; 5xx and the like are refused."""
    if response.status_code in (200, 416):
        return False
    _require_served(response, (206,))
    found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return bool(found) and int(found[1]) == start


def _require_served(response: Response, wanted: tuple[int, ...]) -> None:
    if response.status_code not in wanted:
        raise Refused(f"it answers {response.status_code} {response.reason or ''}".rstrip())


def _receive(
    response: Response, source: Source, file: File, part: Path, start: int, watch: Watch
) -> None:
    _require_served(response, (206,) if start else (200,))
    pieces = _pieces(response)
    first = next(pieces, b"")
    _require_no_page(b"" if start else first)
    total = _announced(response, start)
    _require_size(source, file, total)
    done = start
    try:
        with part.open("ab" if start else "wb") as out:
            piece: bytes | None = first
            while piece is not None:
                out.write(piece)
                done += len(piece)
                if done > file.most:
                    break
                watch(done, source.size or total)
                piece = next(pieces, None)
    except OSError as error:
        raise FlowAdamError(f"{part} cannot be written: {error.strerror or error}.") from None
    if done > file.most:
        part.unlink()
        raise Refused(f"it sends more than the {file.most:,} bytes that the file can have")


def _announced(response: Response, start: int) -> int | None:
    """Return the length of the whole by the headers, None where they do not say it."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if start and found and found[3] != "*":
        return int(found[3])
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _require_size(source: Source, file: File, total: int | None) -> None:
    wrong = source.size is not None and total not in (None, source.size)
    if wrong and source.size is not None:
        raise Refused(f"it announces {total:,} bytes; the file has {source.size:,}")
    if total is not None and total > file.most:
        raise Refused(f"it announces {total:,} bytes; the file has at most {file.most:,}")


def _require_no_page(first: bytes) -> None:
    """Judge by the bytes: hosts name the type of an archive as they like."""
    if _HTML.match(first):
        raise Refused("it sends a web page (HTML) instead of the file")


def _pieces(response: Response) -> Iterator[bytes]:
    """Yield the bytes as they are on the wire: no decompression, however the host labels them."""
    from urllib3.exceptions import HTTPError

    try:
        yield from response.raw.stream(CHUNK, decode_content=False)
    except (HTTPError, OSError) as error:
        raise Interrupted(network_reason(error)) from None
