"""One optimizer against each rival on one task: paired differences and the word for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.confirmed import Confirmed, confirmed
from analysis.frames import FOCUS, Arena, Frames
from analysis.intervals import (
    ALPHA,
    Estimate,
    holm,
    mean_interval,
    sign_flip_p,
    smallest_p,
    welch_interval,
)

Word = Literal["better", "worse", "no difference shown", "not testable"]


@dataclass(frozen=True)
class Comparison:
    """The reference against one rival on one arena; negative differences favor the reference.

    Args:
        difference: mean over the common confirm seeds of (reference - rival), each seed averaged
            over the winners first; None when there is no common seed.
        scale: size of the rival's mean test metric, None where it is 0 or does not exist.
        p: sign-flip p-value, `p_holm` adjusted over the rivals of the arena; None if not testable.
        tuning: Welch's interval over the winners' means: how far other winners could move it.
        word: the verdict by `judge`.
        reason: why it is not testable, else empty.
    """

    arena: Arena
    reference: str
    rival: str
    difference: Estimate | None
    scale: float | None
    p: float | None
    p_holm: float | None
    tuning: Estimate | None
    word: Word
    reason: str

    @property
    def relative(self) -> float | None:
        """The difference as a share of the rival's mean."""
        return self.difference.mean / self.scale if self.difference and self.scale else None

    @property
    def firm(self) -> bool | None:
        """Whether the difference also exceeds tuning noise; None with a single winner."""
        known = self.tuning is not None and self.tuning.low is not None
        return self.tuning.excludes_zero if self.tuning and known else None


def compare(frames: Frames, arena: Arena) -> list[Comparison]:
    """Compare the arena's reference with each rival, in the order of the study.

    The family of Holm's correction is all rivals of the arena; one that is not testable counts
    with p = 1.
    """
    results = confirmed(frames, arena)
    reference = choose_reference(results)
    rivals = [r for r in results if r is not reference]
    if reference is None:
        return []
    pairs = [_differences(reference, rival) for rival in rivals]
    reasons = [
        _obstacle(reference, rival, len(d), len(rivals))
        for rival, d in zip(rivals, pairs, strict=True)
    ]
    p_values = [None if why else sign_flip_p(d) for d, why in zip(pairs, reasons, strict=True)]
    adjusted = holm([1.0 if p is None else p for p in p_values])
    return [
        _comparison(arena, reference, *row)
        for row in zip(rivals, pairs, reasons, p_values, adjusted, strict=True)
    ]


def choose_reference(results: Sequence[Confirmed]) -> Confirmed | None:
    """Return FlowAdam's result, else the one with the lowest search score, None of nothing.

    The second choice does not look at confirm data, so it does not bias the comparison.
    """
    named = [r for r in results if r.cell.optimizer == FOCUS]
    return named[0] if named else min(results, key=lambda r: r.search_score, default=None)


def judge(difference: Estimate, p_holm: float) -> Word:
    """Return the verdict word of a testable comparison.

    "better" or "worse" if the 95 % interval of the difference lies on one side of 0 and Holm's p is
    below 0.05; "no difference shown" otherwise, which is not a proof of equality.
    """
    if p_holm >= ALPHA or not difference.excludes_zero:
        return "no difference shown"
    return "better" if difference.mean < 0 else "worse"


def _differences(reference: Confirmed, rival: Confirmed) -> list[float]:
    common = sorted(set(reference.by_seed) & set(rival.by_seed))
    return [reference.by_seed[s] - rival.by_seed[s] for s in common]


def _obstacle(reference: Confirmed, rival: Confirmed, n: int, family: int) -> str:
    """Say why the pair cannot be tested, or return the empty string."""
    for one in (reference, rival):
        name = one.cell.optimizer
        if not one.winners:
            return f"{name} has no confirmed winner"
        if one.failed:
            return f"{one.failed} confirm runs of {name} did not end well, so it has no mean"
    if n < 2:
        return f"{n} common seeds give no interval"
    if smallest_p(n) > ALPHA / family:
        return (
            f"{n} common seeds cannot reach p < {ALPHA / family:.2g} "
            f"(smallest possible p {smallest_p(n):.2g})"
        )
    return ""


def _comparison(
    arena: Arena,
    reference: Confirmed,
    rival: Confirmed,
    differences: list[float],
    reason: str,
    p: float | None,
    adjusted: float,
) -> Comparison:
    difference = mean_interval(differences) if differences else None
    tested = p is not None
    a, b = list(reference.by_winner.values()), list(rival.by_winner.values())
    return Comparison(
        arena=arena,
        reference=reference.cell.optimizer,
        rival=rival.cell.optimizer,
        difference=difference,
        scale=abs(rival.test.mean) or None if rival.test else None,
        p=p,
        p_holm=adjusted if tested else None,
        tuning=welch_interval(a, b) if a and b else None,
        word=judge(difference, adjusted) if difference and tested else "not testable",
        reason=reason,
    )
