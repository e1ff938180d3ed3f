"""An audit as Parquet and as a table on the terminal."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from analysis.audit.collect import TRIVIAL
from analysis.audit.findings import Finding
from analysis.text import WIDE, fixed, interval, number, percent
from flowadam.audit.claims import Claim
from flowadam.audit.forms import FORMS, PUBLISHED
from flowadam.audit.read import Claims
from flowadam.durable import write_atomic

FILE = "audit.parquet"
LEAST = 120
"""Columns below which the table becomes a list."""
FACTOR = -9.0
"""A gain below which, the other being ten times as good, numbers are told as factors."""
COLUMNS = (PUBLISHED, *(form.name for form in FORMS))


def write_parquet(folder: Path, findings: Sequence[Finding]) -> Path:
    """Write every finding as a row: claim, task, optimizer, variant, mean, low, high, n, ..."""
    buffer, path = io.BytesIO(), folder / FILE
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([asdict(finding) for finding in findings]).to_parquet(buffer, index=False)
    write_atomic(path, buffer.getvalue())
    return path


def verdicts(findings: Sequence[Finding], claim: Claim, against: str) -> dict[str, Finding]:
    """Return the finding with the verdict on one comparison, by variant."""
    return {
        f.variant: f
        for f in findings
        if f.claim == claim.key and f.against == against and f.verdict
    }


def baseline(findings: Sequence[Finding], claim: Claim) -> Finding | None:
    """Return the trivial baseline of the claim's own task."""
    mine = (f for f in findings if f.claim == claim.key and f.variant == TRIVIAL)
    return next((f for f in mine if f.task == claim.tasks[0]), None)


def cell(claim: Claim, finding: Finding | None) -> str:
    """Return the gain with its interval and n."""
    if finding is None:
        return ""
    level = " [90 %]" if claim.kind == "equal" else ""
    return f"{amount(claim, finding)}{level} n={finding.n}" if finding.n else "–"


def amount(claim: Claim, f: Finding) -> str:
    """Return a gain in the claim's unit; a difference of gains in percentage points."""
    if math.isnan(f.mean):
        return "–"
    if is_share(claim):
        return percent_gain(f)
    points = claim.kind == "specific"
    ends = [(100 if points else 1) * value for value in (f.mean, f.low, f.high)]
    told = number(ends[0]) if math.isnan(f.low) else interval(*ends, signed=True)
    return f"{told} points" if points else told


def percent_gain(f: Finding, *, signed: bool = True) -> str:
    """Return a relative gain in percent with its interval; a factor where that is ten or more."""
    if math.isnan(f.low):
        return percent(f.mean, signed=signed)
    if f.low < FACTOR:
        low, high = number(1 - f.high), number(1 - f.low)
        return f"{number(1 - f.mean)} [{low}, {high}] times the other's"
    return interval(100 * f.mean, 100 * f.low, 100 * f.high, signed=signed) + " %"


def is_share(claim: Claim) -> bool:
    """Say whether a claim's gains are shares, shown in percent."""
    return claim.unit == "relative" and claim.kind not in ("specific", "dial")


def claimed(claim: Claim, against: str) -> str:
    """Return the published number of a comparison."""
    if claim.kind == "equal":
        share = is_share(claim)
        margin = percent(claim.margin, signed=False) if share else f"{claim.margin:g}"
        return f"within ±{margin} [90 %]"
    if against not in claim.claimed:
        return "not published"
    value = claim.claimed[against]
    return percent(value) if is_share(claim) else fixed(value, 3)


def text(claims: Claims, findings: Sequence[Finding], width: int = WIDE) -> str:
    """Return all verdicts as plain text, and why there is none: a table, or a list below 120."""
    lines = _wide(claims, findings) if width >= LEAST else _narrow(claims, findings, width)
    told = dict.fromkeys(f"{f.claim}: {f.sentence}" for f in findings if f.verdict and f.sentence)
    wrapped = told if width >= LEAST else (part for one in told for part in _wrapped(one, width))
    return "\n".join([*lines, *wrapped])


def _wide(claims: Claims, findings: Sequence[Finding]) -> list[str]:
    """Return a table with a line per variant."""
    table = Table("claim", "against", "variant", "claimed", "gain [95 %]", "gradients", "verdict")
    table.box, table.pad_edge = None, False
    for claim in claims.claims:
        for against in claim.against:
            _add(table, claim, against, verdicts(findings, claim, against))
    console = Console(width=WIDE, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(table, markup=False)
    return [line.rstrip() for line in capture.get().splitlines()]


def _narrow(claims: Claims, findings: Sequence[Finding], width: int) -> list[str]:
    """Return a heading for each comparison, and below it a line or more for each variant."""
    lines: list[str] = []
    for claim in claims.claims:
        for against in claim.against:
            if found := verdicts(findings, claim, against):
                told = claimed(claim, against)
                lines += _wrapped(f"{claim.key} against {against}, claimed {told}", width)
                for f in (found[variant] for variant in COLUMNS if variant in found):
                    line = f"  {f.variant}: {f.verdict}, {cell(claim, f)}"
                    lines += _wrapped(line.removesuffix(", –"), width)
    return lines


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent="    ")


def _add(table: Table, claim: Claim, against: str, found: dict[str, Finding]) -> None:
    first = True
    for variant in COLUMNS:
        if (f := found.get(variant)) is None:
            continue
        head = (claim.key, against) if first else ("", "")
        told = claimed(claim, against) if first else ""
        gradients = "" if math.isnan(f.gradients) else f"{f.gradients:,.0f}"
        table.add_row(*head, variant, told, cell(claim, f), gradients, f.verdict)
        first = False
