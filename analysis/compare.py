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
    welch_p,
)

Word = Literal["better", "worse", "ahead", "behind", "no difference shown", "not testable"]


@dataclass(frozen=True)
class Comparison:
    """The reference against one rival on one arena; negative differences favor the reference.

    Args:
        difference: mean over the common confirm seeds of (reference - rival), each seed averaged
            over the winners first; None when there is no common seed.
        tuning: the same difference with Welch's interval over the winners' means, which holds what
            another tuning would change; no interval with a single winner, None for an adaptive
            sampler.
        scale: size of the rival's mean test metric, None where it is 0 or does not exist.
        p: sign-flip p-value over seeds, None if not testable.
        p_seeds: `p` by Holm over the rivals of the arena.
        p_both: the larger of `p` and Welch's p-value over the winners, by Holm.
        word: the verdict by `judge`.
        reason: why it is not testable, else empty.
    """

    arena: Arena
    reference: str
    rival: str
    difference: Estimate | None
    tuning: Estimate | None
    scale: float | None
    p: float | None
    p_seeds: float | None
    p_both: float | None
    word: Word
    reason: str

    @property
    def relative(self) -> float | None:
        """The difference as a share of the rival's mean."""
        return self.difference.mean / self.scale if self.difference and self.scale else None


def judge(difference: Estimate, p_seeds: float, p_both: float) -> Word:
    """Return the verdict word of a testable comparison.

    "ahead" or "behind": these winners differ, for the 95 % interval over seeds lies on one side of
    0 and Holm's p over seeds is below 0.05. "better" or "worse": the optimizers differ, for
    the winners' means also differ by more than winners of one optimizer differ among
    themselves: Holm's p of both tests together (the larger of the two) is below 0.05 too.
    Otherwise "no difference shown", which is no proof of equality.

    Seeds alone would call two equal optimizers different whenever their random searches found
    differently good configurations, which they always do.
    """
    if p_seeds >= ALPHA or not difference.excludes_zero:
        return "no difference shown"
    if p_both >= ALPHA:
        return "ahead" if difference.mean < 0 else "behind"
    return "better" if difference.mean < 0 else "worse"


def compare(frames: Frames, arena: Arena) -> list[Comparison]:
    """Compare the arena's reference with each rival, in the order of the study.

    The family of Holm's correction is all rivals of the arena; one that is not testable counts
    with p = 1. The study's controls are no rivals.
    """
    return compare_results(frames, arena, confirmed(frames, arena))


def compare_results(frames: Frames, arena: Arena, found: Sequence[Confirmed]) -> list[Comparison]:
    """Compare results of an arena as `compare` does, whatever they were read from."""
    results = [r for r in found if r.cell.optimizer not in frames.study.control]
    reference = choose_reference(results)
    if reference is None:
        return []
    rivals = [result for result in results if result is not reference]
    pairs = [_pair(frames, reference, rival, len(rivals)) for rival in rivals]
    seeds = holm([1.0 if pair.reason else pair.p for pair in pairs])
    both = holm([1.0 if pair.reason else max(pair.p, pair.p_tuning) for pair in pairs])
    return [_comparison(arena, *row) for row in zip(pairs, seeds, both, strict=True)]


def choose_reference(results: Sequence[Confirmed]) -> Confirmed | None:
    """Return FlowAdam's result, else the one with the lowest search score, None of nothing.

    The second choice does not look at confirm data, so it does not bias the comparison.
    """
    named = [r for r in results if r.cell.optimizer == FOCUS]
    return named[0] if named else min(results, key=lambda r: r.search_score, default=None)


@dataclass(frozen=True)
class _Pair:
    """Reference and rival before the correction; `p` counts only without a `reason`.

    Winners of an adaptive search are not independent, so they cannot tell its tuning noise.
    """

    reference: Confirmed
    rival: Confirmed
    differences: list[float]
    reason: str
    independent: bool

    @property
    def p(self) -> float:
        return sign_flip_p(self.differences)

    @property
    def winners(self) -> tuple[list[float], list[float]]:
        return list(self.reference.by_winner.values()), list(self.rival.by_winner.values())

    @property
    def p_tuning(self) -> float:
        return welch_p(*self.winners) if self.independent else 1.0

    @property
    def tuning(self) -> Estimate | None:
        known = self.independent and all(self.winners)
        return welch_interval(*self.winners) if known else None


def _pair(frames: Frames, reference: Confirmed, rival: Confirmed, family: int) -> _Pair:
    common = sorted(set(reference.by_seed) & set(rival.by_seed))
    differences = [reference.by_seed[s] - rival.by_seed[s] for s in common]
    reason = _obstacle(reference, rival, len(common), family)
    return _Pair(reference, rival, differences, reason, not frames.study.adaptive)


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


def _comparison(arena: Arena, pair: _Pair, p_seeds: float, p_both: float) -> Comparison:
    difference = mean_interval(pair.differences) if pair.differences else None
    tested = difference is not None and not pair.reason
    test = pair.rival.test
    return Comparison(
        arena=arena,
        reference=pair.reference.cell.optimizer,
        rival=pair.rival.cell.optimizer,
        difference=difference,
        tuning=pair.tuning,
        scale=abs(test.mean) or None if test else None,
        p=pair.p if tested else None,
        p_seeds=p_seeds if tested else None,
        p_both=p_both if tested else None,
        word=judge(difference, p_seeds, p_both) if difference and tested else "not testable",
        reason=pair.reason,
    )
