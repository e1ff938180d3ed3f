"""The look of every figure, and matplotlib's SVG made fit to stand inside a page."""

from __future__ import annotations

import io
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.ticker import FuncFormatter

from analysis.card import Key, Picture
from analysis.figures.slim import slim
from analysis.text import clean, number
from flowadam.space import digest

# Okabe and Ito's colors without yellow and black, which vanish on white and on black paper.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c")
DASHES = ("-", "--", ":")
INK, RULE, PAPER = "#1b1f24", "#d0d4d9", "#fdfdfe"
# The page defines these variables, once for light and once for dark screens.
_VARIABLES = {INK: "--ink", RULE: "--rule", PAPER: "--paper"} | {
    color: f"--c{i}" for i, color in enumerate(COLORS)
}
_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _LINK)
_RC: dict[Any, Any] = {
    "font.size": 11.5,
    "axes.labelsize": 11.5,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": INK,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.8,
    # Names are text, never formulas; glyphs are the browser's.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "flowadam",
}


@contextmanager
def canvas(width: float, height: float) -> Iterator[MplFigure]:
    """Give a figure of so many SVG units, at 72 to the inch, drawn in the house style."""
    with mpl.rc_context(_RC):
        yield MplFigure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")


def legend(optimizers: Iterable[str]) -> tuple[Key, ...]:
    """Give every optimizer its color and, beyond the palette, its dash, by position."""
    looks = (divmod(i, len(COLORS)) for i in itertools.count())
    return tuple(
        Key(name, color, dash % len(DASHES))
        for name, (dash, color) in zip(optimizers, looks, strict=False)
    )


def plain_ticks(ax: Axes, *, x: bool = True, y: bool = True) -> None:
    """Label ticks with plain numbers on any scale."""
    formatter = FuncFormatter(lambda value, _: number(value))
    for wanted, axis in ((x, ax.xaxis), (y, ax.yaxis)):
        if wanted:
            axis.set_major_formatter(formatter)
            axis.set_minor_formatter(FuncFormatter(lambda *_: ""))


def name_rows(ax: Axes, names: Sequence[str], *, below: float = 0.4) -> None:
    """Name the rows 0, 1, ... of a drawing at its left, the first on top, without lines."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - below, -0.6)
    ax.grid(axis="y", visible=False)
    ax.tick_params(length=0)
    ax.spines["left"].set_visible(False)


def label(name: str, longest: int = 22) -> str:
    """Return a name fit for a drawing: no control characters, not longer than it has room."""
    line = clean(name).replace("\n", " ")
    return line if len(line) <= longest else line[: longest - 1] + "…"


def picture(
    figure: MplFigure,
    title: str,
    *,
    tips: Mapping[str, str] | None = None,
    wide: bool = False,
    muted: str = "",
) -> Picture:
    """Return the figure as an inline SVG.

    Ids get a prefix of their own, so that many drawings share a page; colors of the palette become
    the page's variables; sizes go, so that the page decides.

    Args:
        title: read out by screen readers.
        tips: text shown over the artist with that gid.
    """
    drawn = _draw(figure)
    prefix = f"f{digest([title, drawn])[:8]}-"
    root = ElementTree.fromstring(drawn)
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    slim(root)
    for element in root.iter():
        _localize(element, prefix)
        tip = (tips or {}).get(element.get("id", "").removeprefix(prefix))
        if tip:
            hint = ElementTree.Element(f"{{{_SVG}}}title")
            hint.text = tip
            element.insert(0, hint)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.set("role", "img")
    root.set("aria-label", label(title, 200))
    return Picture(title, ElementTree.tostring(root, encoding="unicode"), wide, muted)


def _draw(figure: MplFigure) -> str:
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # The font that measures lacks some alphabets; the reader's browser has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _localize(element: ElementTree.Element, prefix: str) -> None:
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, prefix + value)
        elif name == f"{{{_LINK}}}href":
            element.set(name, value.replace("#", f"#{prefix}", 1))
        elif "url(#" in value:
            element.set(name, value.replace("url(#", f"url(#{prefix}"))
        elif name == "style":
            element.set(name, _with_variables(value))


def _with_variables(style: str) -> str:
    return re.sub(
        r"#[0-9a-f]{6}",
        lambda m: f"var({_VARIABLES[m[0]]})" if m[0] in _VARIABLES else m[0],
        style,
    )
