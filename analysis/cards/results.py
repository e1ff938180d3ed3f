"""Card: the confirmed results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.baselines import Inclusion, Trivial, inclusions, trivials, worse_than_trivial
from analysis.card import Card, Figure, Group, Table, Tag, Value
from analysis.confirmed import Confirmed, confirmed
from analysis.figures.strip import strip
from analysis.figures.style import legend
from analysis.frames import Arena, Frames
from analysis.health import CellHealth, cell_health
from analysis.text import count, estimate, number, percent

HEAD = (
    "optimizer",
    "test mean [95 %]",
    "n",
    "vs trivial",
    "default",
    "winners",
    "sd of winners",
    "best winner (*)",
    "overshoot",
    "failed search",
    "failed confirm",
)
NOTE = (
    "Large dot and bar: mean with 95 % interval. Small dots: seeds. Strokes: winners. Diamond: "
    "default. Dashed: best trivial predictor."
)
EMPTY = ("–",) * (len(HEAD) - 4)


def results_card(frames: Frames) -> Card:
    """Return the card with every confirmed result beside its default and trivial baselines."""
    colors = {key.name: key.color for key in legend(frames.optimizers)}
    groups, pictures, notes, every = [], [], [], []
    for arena in frames.arenas:
        results, trivial = confirmed(frames, arena), trivials(frames, arena)
        name = frames.label(arena)
        every += [(r, trivial) for r in results if r.test]
        groups.append(_group(frames, arena, results, trivial))
        pictures.append(strip(name, results, trivial[0] if trivial else None, colors))
        notes += [f"{name}: {_price(frames, i, results)}" for i in inclusions(frames, arena)]
    drawn = tuple(p for p in pictures if p)
    return Card(
        title="What was confirmed?",
        verdict=(_headline(frames, every), *notes),
        figure=Figure(drawn, NOTE) if drawn else None,
        table=Table(HEAD, tuple(groups)) if groups else None,
        caveat=_caveat(frames),
    )


def _headline(frames: Frames, every: Sequence[tuple[Confirmed, Sequence[Trivial]]]) -> str:
    if not every:
        return "Nothing is confirmed yet."
    results = count(len(every), "confirmed result")
    seeds = count(frames.study.confirm_seeds, "fresh seed")
    worse = sum(worse_than_trivial(r, t) is True for r, t in every)
    if not any(t for _, t in every):
        against = "no trivial predictor to hold them against"
    else:
        against = f"{worse or 'none'} worse than the best trivial predictor"
    return f"{results}, {seeds} for every winner; {against}."


def _group(
    frames: Frames, arena: Arena, results: Sequence[Confirmed], trivial: Sequence[Trivial]
) -> Group:
    rows = [_row(r, trivial, cell_health(frames, r.cell)) for r in results]
    for i in inclusions(frames, arena):
        name = f"{i.container} as {i.other or 'a contained optimizer'} no. {i.config}"
        rows.append((name, estimate(i.test), str(i.test.n if i.test else 0), "–", *EMPTY))
    rows += [(f"{t.name} (trivial)", number(t.test, 4), "–", "–", *EMPTY) for t in trivial]
    return Group(frames.label(arena), tuple(rows))


def _row(r: Confirmed, trivial: Sequence[Trivial], health: CellHealth) -> tuple[Value, ...]:
    default = "failed" if r.default_failed and not r.default else estimate(r.default)
    return (
        r.cell.optimizer,
        estimate(r.test),
        str(len(r.by_seed)),
        _against(r, trivial),
        default,
        _winners(r),
        number(r.spread, 2),
        estimate(r.best[1] if r.best else None),
        percent(health.overshoot, signed=False),
        _failed(health.search),
        _failed(health.confirm),
    )


def _winners(r: Confirmed) -> str:
    star = r.best[0] if r.best else None
    return ", ".join(f"{config}{'*' if config == star else ''}" for config in r.winners) or "none"


def _against(r: Confirmed, trivial: Sequence[Trivial]) -> Value:
    worse = worse_than_trivial(r, trivial)
    if worse is None or r.test is None:
        return "–"
    share = percent(r.test.mean / trivial[0].test - 1) if trivial[0].test else "–"
    if worse:
        return Tag(f"worse ({share})", "bad")
    sure = r.test.high is not None and r.test.high < trivial[0].test
    return share if sure else Tag(f"not shown better ({share})", "warn")


def _failed(statuses: Mapping[str, int]) -> Value:
    total, failed = sum(statuses.values()), sum(statuses.values()) - statuses.get("ok", 0)
    return Tag(f"{failed} of {total}", "warn") if failed else f"0 of {total}"


def _price(frames: Frames, i: Inclusion, results: Sequence[Confirmed]) -> str:
    """Say what the container does at the contained optimizer's winner, and what that means."""
    by_name = {r.cell.optimizer: r for r in results}
    whole, part = by_name.get(i.container), by_name.get(i.other or "")
    told = (
        f"{i.container} contains {i.other or 'another optimizer'}; set to that one's configuration "
        f"{i.config} it reaches {estimate(i.test)}, n = {i.test.n if i.test else 0}"
    )
    if whole and part and whole.test and part.test and whole.test.mean > part.test.mean:
        return (
            f"{told}. Tuned, its mean is above that of {i.other}: the gap is that of "
            f"{count(i.knobs, 'more knob')} at {frames.effort} configurations a winner, or luck of "
            "the draws."
        )
    return f"{told}."


def _caveat(frames: Frames) -> str:
    n, k = frames.common, min(frames.study.substudies, frames.common)
    parts = count(k, "sub-study", "sub-studies")
    return (
        f"N = {n} configurations per optimizer and task in {parts}, each electing its lowest "
        f"validation score (selection: {frames.study.selection}); the test mean is the mean over "
        f"the winners, so it stands for tuning with about {number(n / k) if k else 0} "
        "configurations. Interval: Student's over n seeds, winners averaged within each seed; it "
        "does not hold the spread between winners, which stands beside it. Winners: their "
        "numbers; best winner: the one with the lowest search score, the winner of all N. "
        "Default: configuration 0, outside N. Overshoot: the largest excess of a run over its "
        "budget. Failed: diverged, timed out or raised; such runs have no mean and are left out "
        "of it, so a row with failed confirm runs flatters."
    )
