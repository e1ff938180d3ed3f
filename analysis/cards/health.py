"""Card: is the comparison equal and complete?"""

from __future__ import annotations

from analysis.card import Card, Group, Table, Tag
from analysis.checks import run_checks
from analysis.frames import Frames

HEAD = ("check", "state", "finding")
CAVEAT = (
    "Nothing is corrected silently: what needs a look is still in the numbers above. Overshoot "
    "needs a look above 1 % of the budget. Edge: a winner within 5 % of an end of a range, on the "
    "scale that was searched; a wider range may hold a better one. Test readings: configurations "
    "confirmed, superseded ones and inclusion rows too; only the sub-studies' winners and the "
    "default are needed."
)


def health_card(frames: Frames) -> Card:
    """Return the card of checks on effort, completeness, failures, ranges and test readings."""
    checks = run_checks(frames)
    worries = [check.name for check in checks if not check.fine]
    rows = tuple(
        (c.name, Tag("ok", "good") if c.fine else Tag("look", "warn"), c.finding) for c in checks
    )
    headline = (
        f"{len(worries)} of {len(checks)} checks need a look: {', '.join(worries)}."
        if worries
        else f"All {len(checks)} checks pass."
    )
    return Card("Can it be trusted?", (headline,), None, Table(HEAD, (Group("", rows),)), CAVEAT)
