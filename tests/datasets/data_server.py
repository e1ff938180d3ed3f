"""A real HTTP server on this machine that misbehaves in the manner its path names."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = b"<!DOCTYPE html>\n<html><body>Please log in to this network.</body></html>"


class QuietServer(ThreadingHTTPServer):
    """Says nothing when a client goes away in the middle of an answer."""

    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Say nothing."""


class DataServer:
    """Serves ``/<manner>/<file>``; counts requests and the bytes of files that left."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = files or {}
        self.ranges: list[str | None] = []
        self.sent = 0
        self.released = threading.Event()  # those who hang wait for the end
        self._server = QuietServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Answer(BaseHTTPRequestHandler):
    """One request. `start` is where a range asked for begins, 0 without one."""

    data: DataServer
    whole: bytes
    start: int

    def head(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def body(self, content: bytes) -> None:
        self.data.sent += len(content)
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def good(a: Answer) -> None:
    if a.start >= len(a.whole) > 0 and a.start:
        a.head(416, 0, Content_Range=f"bytes */{len(a.whole)}")
    elif a.start:
        span = f"bytes {a.start}-{len(a.whole) - 1}/{len(a.whole)}"
        a.head(206, len(a.whole) - a.start, Content_Range=span)
        a.body(a.whole[a.start :])
    else:
        ignores_ranges(a)


def ignores_ranges(a: Answer) -> None:
    a.head(200, len(a.whole))
    a.body(a.whole)


def drops_once(a: Answer) -> None:
    if a.start:
        good(a)
    else:
        a.head(200, len(a.whole))
        a.body(a.whole[: len(a.whole) // 2])


def drops_always(a: Answer) -> None:
    span = f"bytes {a.start}-{len(a.whole) - 1}/{len(a.whole)}"
    headers = {"Content_Range": span} if a.start else {}
    a.head(206 if a.start else 200, len(a.whole) - a.start, **headers)
    a.body(a.whole[a.start :][:100])


def drops_and_forgets_ranges(a: Answer) -> None:
    a.head(200, len(a.whole))
    first = len(a.data.ranges) == 1
    a.body(a.whole[: len(a.whole) // 2] if first else a.whole)


def _drops_then(continuation: Callable[[Answer], None]) -> Callable[[Answer], None]:
    def answer(a: Answer) -> None:
        if a.start:
            continuation(a)
        elif len(a.data.ranges) == 1:
            drops_once(a)
        else:
            good(a)

    return answer


def _ranges_elsewhere(a: Answer) -> None:
    a.head(206, len(a.whole), Content_Range=f"bytes 0-{len(a.whole) - 1}/{len(a.whole)}")
    a.body(a.whole)


def _range_without_header(a: Answer) -> None:
    a.head(206, len(a.whole) - a.start)
    a.body(a.whole[a.start :])


def _range_of_wrong_bytes(a: Answer) -> None:
    span = f"bytes {a.start}-{len(a.whole) - 1}/{len(a.whole)}"
    a.head(206, len(a.whole) - a.start, Content_Range=span)
    a.body(bytes(len(a.whole) - a.start))


def _range_refused(a: Answer) -> None:
    a.head(416, 0)


def truncates(a: Answer) -> None:
    a.head(200, len(a.whole) // 2)
    a.body(a.whole[: len(a.whole) // 2])


def truncates_without_length(a: Answer) -> None:
    a.head(200, None)
    a.body(a.whole[: len(a.whole) // 2])


def without_length(a: Answer) -> None:
    a.head(200, None)
    a.body(a.whole)


def announces_more(a: Answer) -> None:
    a.head(200, len(a.whole) + 1000)
    a.body(a.whole)


def announces_less(a: Answer) -> None:
    a.head(200, len(a.whole) - 10)
    a.body(a.whole)


def never_ends(a: Answer) -> None:
    a.head(200, None)
    for _ in range(100):
        a.body(a.whole)


def wrong_bytes(a: Answer) -> None:
    a.head(200, len(a.whole))
    a.body(a.whole[:-1] + bytes([a.whole[-1] ^ 1]))


def page(a: Answer) -> None:
    a.head(200, len(HTML), Content_Type="text/html; charset=utf-8")
    a.body(HTML)


def page_called_zip(a: Answer) -> None:
    a.head(200, len(HTML), Content_Type="application/zip")
    a.body(b"\xef\xbb\xbf \n" + HTML[:-5])


def labelled_gzip(a: Answer) -> None:
    a.head(200, len(a.whole), Content_Encoding="gzip", Content_Type="text/html")
    a.body(a.whole)


def redirects(a: Answer) -> None:
    a.head(302, 0, Location=a.path.replace("redirects", "good"))


def circles(a: Answer) -> None:
    a.head(302, 0, Location=a.path)


def redirects_to_a_file(a: Answer) -> None:
    a.head(302, 0, Location="file:///etc/hostname")


def silent(a: Answer) -> None:
    a.data.released.wait(30)


def stalls(a: Answer) -> None:
    """Send half, and the rest when nobody waits for it any more."""
    a.head(200, len(a.whole))
    a.body(a.whole[: len(a.whole) // 2])
    a.wfile.flush()
    a.data.released.wait(30)


def range_without_asking(a: Answer) -> None:
    a.head(206, len(a.whole), Content_Range=f"bytes 0-{len(a.whole) - 1}/{len(a.whole)}")
    a.body(a.whole)


def status(code: int) -> Callable[[Answer], None]:
    def answer(a: Answer) -> None:
        a.head(code, len(HTML), Content_Type="text/html")
        a.wfile.write(HTML)

    return answer


MANNERS: dict[str, Callable[[Answer], None]] = {
    "good": good,
    "ignores_ranges": ignores_ranges,
    "drops_once": drops_once,
    "drops_always": drops_always,
    "drops_and_forgets_ranges": drops_and_forgets_ranges,
    "drops_then_ranges_elsewhere": _drops_then(_ranges_elsewhere),
    "drops_then_no_range_header": _drops_then(_range_without_header),
    "drops_then_wrong_bytes": _drops_then(_range_of_wrong_bytes),
    "drops_then_416": _drops_then(_range_refused),
    "truncates": truncates,
    "truncates_without_length": truncates_without_length,
    "without_length": without_length,
    "announces_more": announces_more,
    "announces_less": announces_less,
    "never_ends": never_ends,
    "wrong_bytes": wrong_bytes,
    "page": page,
    "page_called_zip": page_called_zip,
    "labelled_gzip": labelled_gzip,
    "redirects": redirects,
    "circles": circles,
    "redirects_to_a_file": redirects_to_a_file,
    "silent": silent,
    "stalls": stalls,
    "range_without_asking": range_without_asking,
    "404": status(404),
    "500": status(500),
}


def _handler(server: DataServer) -> type[Answer]:
    class Handler(Answer):
        data = server

        def do_GET(self) -> None:
            manner, _, name = self.path.strip("/").partition("/")
            asked = self.headers.get("Range")
            self.data.ranges.append(asked)
            found = re.fullmatch(r"bytes=(\d+)-", asked or "")
            self.start = int(found[1]) if found else 0
            self.whole = self.data.files[name]
            MANNERS[manner](self)

    return Handler
