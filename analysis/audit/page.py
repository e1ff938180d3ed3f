"""An audit as one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from analysis.audit.figure import forms_picture
from analysis.audit.findings import Finding
from analysis.audit.table import COLUMNS, amount, baseline, claimed, verdicts
from analysis.audit.tested import TRIVIAL
from analysis.audit.verdicts import WORDS, Word
from analysis.card import Card, Figure, Group, Table, Tag, Tone, Value
from analysis.report import page
from analysis.text import count, number
from flowadam.audit.claims import Claim
from flowadam.audit.read import Claims
from flowadam.durable import write_atomic

FILE = "audit.html"
TONES: dict[str, Tone] = {
    "holds": "good",
    "shrinks": "good weak",
    "vanishes": "warn",
    "reverses": "bad",
    "not testable": "mute",
}
RULE = (
    "The gain is 1 − (optimizer / other), both geometric means over pairs of runs with the same "
    "seed, data and start; [l, h] is its 95 % interval, Student's over the pairs. Holds: l > 0 and "
    "h reaches the claimed number (or none is claimed). Shrinks: l > 0, h below the claimed "
    "number. Vanishes: l ≤ 0 ≤ h. Reverses: h < 0. Not testable: fewer than 5 pairs, runs that "
    "did not end well, or missing data. Equality holds if the 90 % interval lies inside the "
    "margin. No correction for the number of claims is made. As published: the paper's own "
    "script, seeds and test part. Fair data: data drawn anew for every seed, with a validation "
    "part held out of the training data, everything else as published. Equal penalty: everybody "
    "has the penalty of the optimizer in focus, in the loss. Equal gradients: a run ends after so "
    "many gradients, those inside a flow counted. Early stopping: the state of the lowest "
    "validation metric is tested. Tuned: everybody's knobs but the penalty are searched, scored "
    "by the last state. All: all of it at once, the penalty searched too, with the solver that "
    "takes the fewest gradients. Tuned forms rest on one search; another might elect another "
    "winner."
)


def write_page(folder: Path, claims: Claims, findings: Sequence[Finding]) -> Path:
    """Write ``audit.html``, whole or not at all, and return its path."""
    cards = [_summary(claims, findings)]
    for group in dict.fromkeys(claim.group for claim in claims.claims):
        mine = [claim for claim in claims.claims if claim.group == group]
        cards.append(_card(group or "Claims", mine, findings))
    line = f"{count(len(claims.claims), 'claim')}, each as published and corrected"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    write_atomic(path, page(f"Audit: {claims.title}", line, cards))
    return path


def _summary(claims: Claims, findings: Sequence[Finding]) -> Card:
    counts = {variant: _words(claims, findings, variant) for variant in COLUMNS}
    rows = tuple(
        (variant, *(str(words[word]) if words[word] else "" for word in WORDS))
        for variant, words in counts.items()
        if words
    )
    before, after = counts[COLUMNS[0]], counts[COLUMNS[-1]]
    verdict = (_sentence(before, "as published"), _sentence(after, "with all corrections"))
    table = Table(("form", *WORDS), (Group("", rows),))
    return Card("What survives?", verdict, None, table, RULE)


def _words(claims: Claims, findings: Sequence[Finding], variant: str) -> Counter[str]:
    found = (
        verdicts(findings, claim, against).get(variant)
        for claim in claims.claims
        for against in claim.against
    )
    return Counter(f.verdict for f in found if f)


def _sentence(words: Counter[str], form: str) -> str:
    tested = sum(n for word, n in words.items() if word != "not testable")
    said = [f"{words[word]} {_verb(word, words[word])}" for word in WORDS[:4] if words[word]]
    return f"Of {count(tested, 'comparison')} {form}, {', '.join(said) or 'none can be tested'}."


def _verb(word: Word, n: int) -> str:
    return word if n == 1 else {"vanishes": "vanish", "reverses": "reverse"}.get(word, word[:-1])


def _card(title: str, claims: Sequence[Claim], findings: Sequence[Finding]) -> Card:
    groups = tuple(_group(claim, findings) for claim in claims)
    pictures = [forms_picture(c, a, verdicts(findings, c, a)) for c in claims for a in c.against]
    figure = Figure(
        tuple(p for p in pictures if p),
        "The gain in each form with its 95 % interval; the dashed line is the published number.",
    )
    verdict = [_sentence(_in(claims, findings, COLUMNS[-1]), "with all corrections")]
    notes = dict.fromkeys(
        f"{c.key}: {f.sentence}"
        for c in claims
        for f in findings
        if f.claim == c.key and f.verdict and f.sentence
    )
    table = Table(("claim", "claimed", *COLUMNS, TRIVIAL), groups)
    return Card(title, (*verdict, *notes), figure if figure.pictures else None, table, RULE)


def _in(claims: Sequence[Claim], findings: Sequence[Finding], variant: str) -> Counter[str]:
    return _words(Claims("", "", tuple(claims)), findings, variant)


def _group(claim: Claim, findings: Sequence[Finding]) -> Group:
    """Return a claim's rows: a comparison each, then the numbers behind them."""
    rows: list[tuple[Value, ...]] = []
    for against in claim.against:
        found = verdicts(findings, claim, against)
        cells = [_cell(claim, found.get(variant)) for variant in COLUMNS]
        rows.append((f"over {against}", claimed(claim, against), *cells, ""))
    for name in claim.names:
        means = [_mean(findings, claim, name, variant) for variant in COLUMNS]
        if any(means):
            rows.append((name, "", *means, ""))
    if one := baseline(findings, claim):
        rows.append((one.optimizer, "", *[""] * len(COLUMNS), number(one.mean)))
    return Group(f"{claim.key} · {claim.words or claim.kind} · {claim.task}", tuple(rows))


def _cell(claim: Claim, f: Finding | None) -> Value:
    if f is None:
        return ""
    said = f.verdict if not f.n else f"{f.verdict} {amount(claim, f)} (n = {f.n})"
    return Tag(said, TONES[f.verdict])


def _mean(findings: Sequence[Finding], claim: Claim, name: str, variant: str) -> str:
    """Return a contender's own number: its mean metric, largest rate or share of collapses."""
    mine = (
        f
        for f in findings
        if (f.claim, f.optimizer, f.variant, f.against) == (claim.key, name, variant, "")
        and f.quantity in ("metric", "rate", "collapsed")
        and f.task in (claim.task, claim.tasks[0])
    )
    found = list(mine)
    return number(found[-1].mean, 4) if found else ""
