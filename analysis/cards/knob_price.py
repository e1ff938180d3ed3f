"""Card: the price of the knobs."""

from __future__ import annotations

from analysis.card import Card, Figure, Group, Picture, Table, Value
from analysis.figures.dots import Dot, dots
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.knob_price import EFFORTS, KnobPrice, TaskPrice, knob_pairs, knob_price
from analysis.text import count, estimate, percent

HEAD = ("task", *(f"n = {n}" for n in EFFORTS), "N")
XLABEL = "expected best of n, full minus preset, in % of preset"
NOTE = "Right of 0: with n configurations the preset is ahead, so the knobs cost more than they buy"
CAVEAT = (
    "The full optimizer tunes its own knobs, the other holds them at the published preset; both "
    "draw N random configurations. Shown is the expected score of the best of n, a U-statistic of "
    "the N scores (a configuration that failed or ended above the best trivial predictor counts as "
    "that predictor), full minus preset. Intervals of 95 % on a task: the jackknife's errors of "
    "both, with Student's quantile at N / n degrees of freedom, for N scores hold no more "
    "independent searches of n (coverage in simulations 92 % and more). Over all tasks: mean of "
    "the shares, with Student's interval that takes the tasks as a sample of tasks. No interval is "
    "corrected for there being several efforts. Scores are of the validation part."
)


def knob_price_card(frames: Frames) -> Card:
    """Return the card with full minus preset at several efforts, for every pair in the study."""
    prices = [knob_price(frames, *pair) for pair in knob_pairs(frames)]
    color = legend(frames.optimizers)[0].color
    pictures = [_picture(frames, price, n, color) for price in prices for n in EFFORTS]
    drawn = tuple(p for p in pictures if p)
    groups = tuple(_group(frames, price) for price in prices)
    refusals = [line for price in prices for line in _refusals(frames, price)]
    return Card(
        title="What do the knobs cost?",
        verdict=(*(_headline(price) for price in prices), *refusals),
        figure=Figure(drawn, NOTE) if drawn else None,
        table=Table(HEAD, groups, "All numbers") if drawn else None,
        caveat=CAVEAT,
    )


def _headline(price: KnobPrice) -> str:
    start = f"{price.full} tunes {count(price.knobs, 'knob')} more than {price.frozen}"
    if not price.overall:
        return f"{start}; their price cannot be told."
    told = [f"{_share(price, n)} at n = {n}" for n in price.overall]
    tasks = count(next(iter(price.overall.values())).n, "task")
    return f"{start}; its best of n differs by {', '.join(told)} (mean over {tasks})."


def _share(price: KnobPrice, n: int) -> str:
    e = price.overall[n]
    if e.low is None or e.high is None:
        return f"{percent(e.mean)} (one task, no interval)"
    return f"{percent(e.mean)} [{percent(e.low)}, {percent(e.high)}]"


def _refusals(frames: Frames, price: KnobPrice) -> list[str]:
    return [f"{frames.label(t.arena)}: no price, {t.refused}." for t in price.tasks if t.refused]


def _picture(frames: Frames, price: KnobPrice, n: int, color: int) -> Picture | None:
    rows = [d for t in price.tasks if (d := _dot(frames.label(t.arena), t, n, color))]
    overall = price.overall.get(n)
    if overall and overall.low is not None and overall.high is not None:
        rows.append(Dot("all tasks", overall.mean, overall.low, overall.high, color, hollow=True))
    return dots(f"{price.full} − {price.frozen} at n = {n}", rows, XLABEL, zero=True)


def _dot(name: str, task: TaskPrice, n: int, color: int) -> Dot | None:
    share, e = task.relative.get(n), task.at.get(n)
    if share is None or e is None or e.low is None or e.high is None or not e.mean:
        return None
    scale = share / e.mean
    return Dot(name, share, e.low * scale, e.high * scale, color)


def _group(frames: Frames, price: KnobPrice) -> Group:
    rows: list[tuple[Value, ...]] = [
        (frames.label(t.arena), *(estimate(t.at.get(n), signed=True) for n in EFFORTS), str(t.n))
        for t in price.tasks
        if not t.refused
    ]
    rows.append(("all", *(_share(price, n) if n in price.overall else "–" for n in EFFORTS), ""))
    return Group(f"{price.full} minus {price.frozen}", tuple(rows))
