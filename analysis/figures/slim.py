"""Drawings without what no browser needs: a page of many is then half as large."""

from __future__ import annotations

import re
from xml.etree import ElementTree

DECIMALS = 2
"""Of coordinates, in units of which a drawing has hundreds."""
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_GEOMETRY = ("d", "x", "y", "width", "height", "points", "transform")
_UNUSED = re.compile(
    r"(figure|axes|patch|line2d|text|xtick|ytick|matplotlib\.axis|legend|[A-Z]\w+)_\d+"
)


def slim(root: ElementTree.Element) -> None:
    """Round coordinates; drop blanks, fonts (the page has one), unused ids and empty groups."""
    for element in root.iter():
        _shorten(element)
        for child in list(element):
            if child.tag.endswith("}g") and not len(child) and not child.attrib:
                element.remove(child)


def _shorten(element: ElementTree.Element) -> None:
    for name in _GEOMETRY:
        if value := element.get(name):
            element.set(name, _NUMBER.sub(_rounded, value))
    if style := element.get("style"):
        element.set("style", re.sub(r"\s*font-family:[^;]*;?", "", style))
    if _UNUSED.fullmatch(element.get("id", "")):
        del element.attrib["id"]
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    element.text = element.text if (element.text or "").strip() else None
    element.tail = None


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.{DECIMALS}f}".rstrip("0").rstrip(".")
