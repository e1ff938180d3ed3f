"""An audit as one line a comparison."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd

from analysis.audit.findings import Finding
from analysis.audit.notes import slopes_of, worse_than_untuned
from analysis.audit.table import COLUMNS, amount, claimed, verdicts
from analysis.audit.verdicts import WORDS
from analysis.text import WIDE, aligned, count
from flowadam.audit.claims import Claim
from flowadam.audit.forms import FORMS
from flowadam.audit.read import Claims

GAINS = (FORMS[0].name, FORMS[-1].name)
"""Forms whose gain is shown beside the word: no correction, and all of them."""
Shown = tuple[Claim, str, set[int], dict[str, Finding]]
HEAD = ("claim", "against", "n", "claimed", *COLUMNS)


def read_findings(path: Path) -> list[Finding]:
    """Return the findings of a Parquet file that `write_parquet` left."""
    names = [field.name for field in fields(Finding)]
    rows = pd.read_parquet(path, columns=names).to_dict("records")
    return [Finding(**{str(name): value for name, value in row.items()}) for row in rows]


def short(claims: Claims, findings: Sequence[Finding]) -> str:
    """Return a line for each comparison that has a verdict: a word for every form that was run.

    On fair data, and with all corrections, the gain stands beside it with its interval; n counts
    the pairs of the corrected forms, of the published one where there are no others. Below stand
    totals, and the slopes over a dial.
    """
    rows = [HEAD, *_lines(claims, findings)]
    used = [i for i, name in enumerate(HEAD) if name not in COLUMNS or any(r[i] for r in rows[1:])]
    lines = aligned([[row[i] for i in used] for row in rows])
    totals = filter(None, (_total(claims, findings, form) for form in GAINS))
    return "\n".join([*lines, *totals, *_slopes(claims, findings), *_untuned(claims, findings)])


def _untuned(claims: Claims, findings: Sequence[Finding]) -> Iterator[str]:
    """Name whom a search left worse than with the published settings, with all corrections."""
    form = GAINS[-1]
    fair = [f for f in findings if f.variant == form]
    told = {
        claim.key: names
        for claim in claims.claims
        if (names := [f.optimizer for f in worse_than_untuned(claim, fair)])
    }
    if told:
        each = ", ".join(f"{key} ({', '.join(names)})" for key, names in told.items())
        text = f"{form}: worse after the search than with the published settings: {each}"
        yield from textwrap.wrap(text, WIDE, subsequent_indent="  ")


def _slopes(claims: Claims, findings: Sequence[Finding]) -> Iterator[str]:
    fair = [f for f in findings if f.variant == GAINS[0]]
    for sentence in (s for claim in claims.claims for s in slopes_of(claim, fair)):
        yield from textwrap.wrap(sentence, WIDE, subsequent_indent="  ")


def _total(claims: Claims, findings: Sequence[Finding], form: str) -> str:
    """Count the words of a form over the lines above; "" where there is none."""
    found = (cells.get(form) for _, _, _, cells in _shown(claims, findings))
    counts = Counter(f.verdict for f in found if f)
    if not counts:
        return ""
    told = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])
    return f"{form}: {count(sum(counts.values()), 'comparison')}: {told}"


def _shown(claims: Claims, findings: Sequence[Finding]) -> Iterator[Shown]:
    """Yield what has any number: claim, rival, pairs and findings by form."""
    for claim in claims.claims:
        for against in claim.against:
            found = verdicts(findings, claim, against)
            counts = {f.n for variant, f in found.items() if variant != COLUMNS[0] and f.n}
            published = found.get(COLUMNS[0])
            if not counts and published and published.verdict != "not testable":
                counts = {published.n}
            if counts:
                yield claim, against, counts, found


def _lines(claims: Claims, findings: Sequence[Finding]) -> Iterator[tuple[str, ...]]:
    for claim, against, counts, found in _shown(claims, findings):
        n = "-".join(map(str, sorted({min(counts), max(counts)})))
        cells = (_cell(claim, found.get(variant)) for variant in COLUMNS)
        yield (claim.key, against, n, claimed(claim, against), *cells)


def _cell(claim: Claim, f: Finding | None) -> str:
    if f is None:
        return ""
    bare = not f.n or math.isnan(f.low) or f.verdict == "not testable"
    if bare or f.variant not in GAINS:
        return f.verdict
    return f"{f.verdict} {amount(claim, f)}"
