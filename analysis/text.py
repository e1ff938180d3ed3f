"""Numbers as text: as many digits as their interval supports."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence

from analysis.intervals import Estimate

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
WIDE = 170
"""Columns of a table in a file."""
TINY = 1e-4
MINUS = "−"
SPACE = "\N{NO-BREAK SPACE}"


def clean(text: str) -> str:
    """Return text without control characters, which neither pages nor terminals should get."""
    return CONTROL.sub("�", text)


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` to so many significant digits; an en dash for None."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    if 1000 <= abs(value) < 1e6:
        return _signed(f"{value:,.0f}")
    return _signed(f"{value:.{digits}g}")


def estimate(e: Estimate | None, *, signed: bool = False, one: str = "seed") -> str:
    """Return ``mean [low, high]`` with two digits of the half width, or what there is of it.

    Args:
        one: what is counted, named where a single one of them gives no interval.
    """
    if e is None:
        return "–"
    if e.low is None or e.high is None:
        return f"{_fixed(e.mean, _decimals(e.mean / 100), signed)} (one {one}, no interval)"
    return interval(e.mean, e.low, e.high, signed=signed)


def interval(center: float, low: float, high: float, *, signed: bool = False) -> str:
    """Return ``center [low, high]`` with two digits of the half width; infinities stay.

    Where all three are below 1e-4, two digits of each, as powers of ten.
    """
    ends = [abs(v) for v in (center, low, high) if math.isfinite(v)]
    if 0 < max(ends, default=0.0) < TINY:
        return "{} [{}, {}]".format(*(_small(v, signed) for v in (center, low, high)))
    width = (high - low) / 2
    places = _decimals(width if math.isfinite(width) and width else center / 100)
    parts = (
        _fixed(v, places, signed) if math.isfinite(v) else number(v) for v in (center, low, high)
    )
    return "{} [{}, {}]".format(*parts)


def percent(share: float | None, *, signed: bool = True) -> str:
    """Return a share as a percentage with two significant digits."""
    if share is None or not math.isfinite(share):
        return "–"
    value = 100 * share
    if value == 0:
        return f"0{SPACE}%"
    return f"{_fixed(value, min(_decimals(value), 2), signed)}{SPACE}%"


def p_value(p: float | None) -> str:
    """Return a p-value with two significant digits."""
    return "–" if p is None else f"{p:.2g}"


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines of equal columns."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


def fitted(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return rows, the head first, as a table; as lists by their first cell where it is wider."""
    lines = aligned(rows)
    if max(map(len, lines)) <= width:
        return lines
    head, *body = rows
    listed: list[str] = []
    for name, *cells in body:
        pairs = zip(head[1:], cells, strict=True)
        told = "; ".join(f"{what} {cell}" for what, cell in pairs if cell)
        listed += textwrap.wrap(f"{name}: {told}", width, subsequent_indent="  ")
    return listed


def count(n: int, one: str, many: str | None = None) -> str:
    """Return ``1 seed`` or ``3 seeds``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def fixed(value: float, places: int = 2) -> str:
    """Return `value` to so many decimal places."""
    return _fixed(value, places, False)


def _decimals(scale: float) -> int:
    """Return the decimal places that show two significant digits of `scale`."""
    if scale == 0 or not math.isfinite(scale):
        return 1
    return min(max(1 - math.floor(math.log10(abs(scale))), 0), 8)


def _fixed(value: float, places: int, signed: bool) -> str:
    return _signed(f"{value:{'+' if signed else ''}.{places}f}")


def _small(value: float, signed: bool) -> str:
    """Return two significant digits."""
    return _signed(f"{value:{'+' if signed else ''}.2g}") if math.isfinite(value) else number(value)


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
