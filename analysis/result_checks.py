"""Checks of what came out: failures, containers that lose, trivial predictors, the gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analysis.baselines import trivials, worse_than_trivial
from analysis.check import Check, listed, name_of
from analysis.confirmed import Confirmed
from analysis.divergence import Divergence, divergence
from analysis.frames import Frames
from analysis.gaps import gaps
from analysis.health import CellHealth
from analysis.text import count, estimate, percent
from analysis.undertuned import UnderTuned, under_tuned


def failures(cells: Sequence[CellHealth], results: Sequence[Confirmed]) -> Check:
    """Divergence in the search is part of tuning; what else fails needs a look."""
    total = sum((Counter(c.search) + Counter(c.confirm) for c in cells), Counter())
    bad = {status: n for status, n in total.items() if status != "ok"}
    told = ", ".join(f"{n} {status}" for status, n in sorted(bad.items())) or "none failed"
    finding = f"{told} of {count(total.total(), 'run')}"
    message = next((f" The first error: {c.message[:300]}" for c in cells if c.message), "")
    winners_failed = sum(r.failed for r in results)
    if winners_failed:
        finding += f", {winners_failed} of them of winners in the confirm phase"
    unusual = winners_failed > 0 or bool(bad.keys() - {"diverged"})
    return Check("failed runs", not unusual, f"{finding}.{message}")


def diverging(frames: Frames) -> Check:
    """Rates belong to the optimizer and its ranges: told without alarm."""
    told = [_rate(d) for d in divergence(frames) if d.diverged]
    return Check("divergence in the search", True, "; ".join(told) + "." if told else "none.")


def _rate(d: Divergence) -> str:
    ends = f" [{percent(d.low, signed=False)}, {percent(d.high, signed=False)}]"
    return (
        f"{d.optimizer} {percent(d.share, signed=False)}{'' if d.low is None else ends} of {d.n}, "
        f"most on {d.worst[0]} ({d.worst[1]} of {d.worst[2]})"
    )


def inclusion(frames: Frames) -> Check:
    """An optimizer behind one that it contains was not searched for long enough."""
    found = [u for arena in frames.arenas for u in under_tuned(frames, arena)]
    if not found:
        return Check("under-tuned", True, "no optimizer is behind one that it contains.")
    told = listed((_behind(frames, u) for u in found), 3)
    return Check(
        "under-tuned",
        False,
        f"{told}: more knobs, or luck, at {frames.effort} configurations a winner.",
    )


def _behind(frames: Frames, u: UnderTuned) -> str:
    return (
        f"{u.container} contains {u.contained} ({count(u.knobs, 'knob')} more) and is behind it on "
        f"{frames.label(u.arena)} by {estimate(u.gap)}, n = {u.gap.n} seeds"
    )


def trivial(frames: Frames, results: Sequence[Confirmed]) -> Check:
    """No confirmed mean should lose to a constant predictor."""
    best = {arena.task: trivials(frames, arena)[:1] for arena in frames.arenas}
    if not any(best.values()):
        return Check("trivial predictors", False, "none is stored.")
    worse = [name_of(r.cell) for r in results if worse_than_trivial(r, best[r.cell.task])]
    told = f"worse: {listed(worse)}." if worse else "no confirmed mean is worse."
    return Check("trivial predictors", not worse, told)


def gap(frames: Frames) -> Check:
    """The test part should not be much worse than the validation part."""
    found = [g for arena in frames.arenas for g in gaps(frames, arena)]
    large = [f"{name_of(g.cell)} {estimate(g.gap, signed=True)}" for g in found if g.large]
    if large:
        return Check("validation/test gap", False, f"test is worse: {listed(large)}.")
    if not found:
        return Check("validation/test gap", True, "nothing is confirmed yet.")
    widest = max(found, key=lambda g: g.gap.mean / g.scale if g.scale else 0.0)
    told = f"{name_of(widest.cell)} {estimate(widest.gap, signed=True)}, n = {widest.gap.n} seeds"
    return Check("validation/test gap", True, f"largest: {told}.")
