"""How a download fails, in words."""

from __future__ import annotations

from flowadam.errors import FlowAdamError


class Interrupted(Exception):
    """The connection failed; what arrived may be continued."""


class Refused(Exception):
    """The host does not serve the file, or serves something else."""


class DownloadFailed(FlowAdamError):
    """No host served a file of a data set: names each host and why."""


def network_reason(error: BaseException) -> str:
    """Return the innermost cause in a few words: Connection refused, no answer in time ..."""
    from requests import exceptions as http

    if isinstance(error, http.TooManyRedirects):
        return "it redirects in a circle"
    if isinstance(error, http.SSLError):
        return "its certificate is not accepted"
    root = _root(error)
    if isinstance(error, http.Timeout) or isinstance(root, TimeoutError):
        return "it does not answer in time"
    said = root.strerror if isinstance(root, OSError) and root.strerror else str(root)
    plain = "".join(c for c in said if c.isprintable())[:200].strip().rstrip(".")
    return f"the connection failed ({plain or type(root).__name__})"


def _root(error: BaseException) -> BaseException:
    seen: list[BaseException] = []
    here: BaseException | None = error
    while here is not None and here not in seen:
        seen.append(here)
        here = here.__cause__ or here.__context__
    return seen[-1]
