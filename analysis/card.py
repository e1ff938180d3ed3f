"""What a report is made of: cards with a verdict, a figure, a table and a caveat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "good weak", "bad weak", "warn", "mute", "grey"]


@dataclass(frozen=True)
class Tag:
    """A word in a table that is marked by its meaning."""

    text: str
    tone: Tone


Value = str | Tag


@dataclass(frozen=True)
class Group:
    """Rows of a table under one heading; without a heading when the title is empty."""

    title: str
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row.

    Args:
        folded: the words under which it opens on a click; empty for a table that is always open.
    """

    head: tuple[str, ...]
    groups: tuple[Group, ...]
    folded: str = ""


@dataclass(frozen=True)
class Picture:
    """One SVG drawing, safe to stand in a page as it is.

    Args:
        wide: takes a whole row and scrolls sideways on a narrow screen.
        muted: why the drawing is greyed out, else empty.
    """

    title: str
    svg: str
    wide: bool = False
    muted: str = ""


@dataclass(frozen=True)
class Key:
    """One entry of a legend: a name, the number of its color and that of its dash."""

    name: str
    color: int
    dash: int


@dataclass(frozen=True)
class Figure:
    """Small multiples under one legend and a note on their signs.

    Args:
        folded: pictures that open on a click, under the words `summary`.
    """

    pictures: tuple[Picture, ...]
    note: str = ""
    legend: tuple[Key, ...] = ()
    folded: tuple[Picture, ...] = ()
    summary: str = "The other optimizers"


@dataclass(frozen=True)
class Listing:
    """A text shown as it is."""

    title: str
    text: str


@dataclass(frozen=True)
class Card:
    """One answer of the report.

    Args:
        title: the question.
        verdict: the answer: a sentence, then any number of details.
        caveat: method, N and what the answer does not say.
    """

    title: str
    verdict: tuple[str, ...]
    figure: Figure | Listing | None
    table: Table | None
    caveat: str
