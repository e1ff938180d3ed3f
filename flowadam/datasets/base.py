"""What is known of a data set before it is there: its files, sources, terms and content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]
MEGA = 1_000_000


@dataclass(frozen=True)
class Source:
    """A file as one host has it.

    Args:
        url: http or https.
        sha256: published hash of its bytes. None: no hash is published for this host's packing;
            the content alone decides, so this is for formats whose reading runs no code.
        size: its bytes, where they are published.
    """

    url: str
    sha256: str | None
    size: int | None = None

    @property
    def file(self) -> str:
        """Last part of the address."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class File:
    """One file of a data set and the hosts that have it, tried in order.

    Args:
        name: what the reader of the data set calls it.
        sources: the owner's address first.
        most: bytes above which an answer cannot be this file.
    """

    name: str
    sources: tuple[Source, ...]
    most: int


@dataclass(frozen=True)
class Part:
    """A stored file that holds a part of a data set, used where the whole is not there.

    Args:
        stored: its name in the folder.
        statement: one sentence that says what it is.
        check: raises ValueError when the arrays are not that part.
    """

    stored: str
    statement: str
    check: Callable[[Arrays], None]


@dataclass(frozen=True)
class DataSet:
    """A data set of the registry.

    Args:
        name: by which it is asked for.
        summary: one line that says what it is.
        statement: one sentence for reports.
        terms: what its owner asks, in full sentences.
        short_terms: the same in a few words.
        reference: to be cited.
        page: the owner's page.
        files: what is downloaded.
        about: bytes to download, rounded where no size is published.
        stored: name of the parsed file, ``.parquet`` (columns) or ``.npz`` (arrays).
        convert: downloaded files by name -> arrays. Raises ValueError on what it cannot read.
        check: raises ValueError, naming the first difference, when arrays are not this data set.
        part: what may stand in for it.
    """

    name: str
    summary: str
    statement: str
    terms: str
    short_terms: str
    reference: str
    page: str
    files: tuple[File, ...]
    about: int
    stored: str
    convert: Callable[[Mapping[str, Path]], Arrays]
    check: Callable[[Arrays], None]
    part: Part | None = None


def size_text(size: int) -> str:
    """Write bytes as people do: 812 kB, 3.9 MB, 170 MB."""
    if size < 1000:
        return f"{size} B"
    if size < MEGA:
        return f"{size / 1000:.0f} kB"
    return f"{size / MEGA:.1f} MB" if size < 10 * MEGA else f"{size / MEGA:.0f} MB"
