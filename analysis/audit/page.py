"""An audit as one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from analysis.audit.collect import TRIVIAL
from analysis.audit.figure import dial_picture, forms_picture
from analysis.audit.findings import Finding
from analysis.audit.notes import notes_of
from analysis.audit.rows import group
from analysis.audit.table import COLUMNS, verdicts
from analysis.audit.verdicts import WORDS, Word
from analysis.card import Card, Figure, Group, Picture, Table
from analysis.report import page
from analysis.text import count
from flowadam.audit.claims import Claim
from flowadam.audit.read import Claims
from flowadam.durable import write_atomic

FILE = "audit.html"
RULE = (
    "The gain is 1 − (optimizer / other), both geometric means over pairs of runs with the same "
    "seed, data and start; [l, h] is its 95 % interval, Student's over the pairs. Holds: l > 0 and "
    "h reaches the claimed number (or none is claimed). Shrinks: l > 0, h below the claimed "
    "number. Vanishes: l ≤ 0 ≤ h. Reverses: h < 0. Not testable: fewer than 5 pairs, runs that "
    "did not end well, or missing data. Equality holds if the 90 % interval lies inside the "
    "margin. Collapses: the difference of two shares with an interval that subtracts their exact "
    "97.5 % intervals; the word rests on the seeds on which one of the two alone collapsed. A "
    "contender's own number: geometric mean over its runs, the mean where gains are absolute, "
    "with Student's interval; n is that of the verdict. No correction for the number of claims is "
    "made. As published: the paper's own script, seeds and test part. Fair data: data drawn anew "
    "for every seed, with a validation part held out of the training data, everything else as "
    "published. Equal penalty: everybody has the penalty of the optimizer in focus, in the loss. "
    "Equal gradients: a run ends after so many gradients, those inside a flow counted. Early "
    "stopping: the state of the lowest validation metric is tested. Tuned: everybody's knobs but "
    "the penalty are searched, the published settings among the candidates, scored by the last "
    "state. All: all of it at once, the penalty "
    "searched too, with the solver that takes the fewest gradients. Tuned forms rest on one "
    "search; another might elect another "
    "winner."
)


def write_page(folder: Path, claims: Claims, findings: Sequence[Finding]) -> Path:
    """Write ``audit.html``, whole or not at all, and return its path."""
    cards = [_summary(claims, findings)]
    for title in dict.fromkeys(claim.group for claim in claims.claims):
        mine = [claim for claim in claims.claims if claim.group == title]
        cards.append(_card(title or "Claims", mine, findings))
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
    told = {"as published": "as published", "all": "with all corrections"}
    verdict = [_sentence(counts[v], told.get(v, f"({v})")) for v in COLUMNS if counts[v]]
    verdict = (verdict[:1] + verdict[-1:] if len(verdict) > 1 else verdict) or ["Nothing has run."]
    table = Table(("form", *WORDS), (Group("", rows),))
    return Card("What survives?", tuple(verdict), None, table, RULE)


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
    groups = tuple(group(claim, findings) for claim in claims)
    pictures = [_picture(c, a, findings) for c in claims for a in c.against]
    note = (
        "The gain with its 95 % interval (90 % where equality is claimed); the dashed line is the "
        "published number."
    )
    figure = Figure(tuple(p for p in pictures if p), note)
    part = Claims("", "", tuple(claims))
    found = [v for v in COLUMNS if _words(part, findings, v)]
    verdict = [_sentence(_words(part, findings, v), f"({v})") for v in reversed(found)]
    notes = dict.fromkeys(note for claim in claims for note in notes_of(claim, findings))
    table = Table(("claim", "claimed", *COLUMNS, TRIVIAL), groups)
    lines = (*verdict[:2], *notes) or ("Nothing has been run.",)
    return Card(title, lines, figure if figure.pictures else None, table, RULE)


def _picture(claim: Claim, against: str, findings: Sequence[Finding]) -> Picture | None:
    if claim.kind == "dial":
        return dial_picture(claim, against, [f for f in findings if f.claim == claim.key])
    return forms_picture(claim, against, verdicts(findings, claim, against))
