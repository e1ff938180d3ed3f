"""Card: whether bad runs could have been stopped early."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.card import Card, Figure, Group, Picture, Table, Value
from analysis.figures.dots import Dot, dots
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.intervals import mean_interval
from analysis.proportion import share
from analysis.stopping import ETA, RULES, STARTUP, Replay, replays
from analysis.text import count, percent

HEAD = ("optimizer", "gradients saved", "winner stopped", "largest regret", "searches", "N")
NOTE = "How often the rule would have stopped the configuration that wins without it, with interval"
CAVEAT = (
    "Replayed on the stored curves of the search, at 40 marks of the budget; nothing was stopped "
    "in truth. Median rule: configurations one after the other, from a tenth of the budget on one "
    "is stopped whose value is above the median of the earlier ones that came as far, if these are "
    f"{STARTUP} or more. Successive halving: all together, at 1/9 and 1/3 of the budget the best "
    f"1/{ETA} goes on. A rule sees what the study selects by. Winner stopped: the share of "
    "searches (tasks) whose best configuration the rule would have ended, with the exact interval "
    "of Clopper and Pearson (95 %), which treats the searches as independent. Gradients saved: "
    "mean over the searches with Student's interval. Regret: score of the configuration that the "
    "rule would have chosen minus that of the best, in % of the best; ∞ where it would have chosen "
    "none. Scores are of the validation part, so confirm runs may order the two otherwise."
)


TITLE = "Could bad runs be stopped early?"


def stopping_card(frames: Frames) -> Card:
    """Return the card with two stopping rules replayed on the search of every cell."""
    found: list[Replay] = []
    refused = []
    for cell in frames.elections:
        some, reason = replays(frames, cell)
        found += some
        if reason:
            refused.append(f"{cell.task}: no replay, {reason}.")
    if not found:
        first = refused[0].replace(":", ", for instance:", 1) if refused else NOTHING
        return Card(TITLE, (first,), None, None, CAVEAT)
    return Card(
        title=TITLE,
        verdict=(*(_sentence(rule, _of(found, rule)) for rule in RULES), *refused),
        figure=Figure(tuple(_pictures(frames, found)), NOTE),
        table=Table(HEAD, tuple(_group(frames, rule, found) for rule in RULES), "All numbers"),
        caveat=CAVEAT,
    )


NOTHING = "No search is in the store yet."


def _of(found: Sequence[Replay], rule: str, optimizer: str | None = None) -> list[Replay]:
    return [r for r in found if r.rule == rule and optimizer in (None, r.cell.optimizer)]


def _sentence(rule: str, found: Sequence[Replay]) -> str:
    return (
        f"{rule.capitalize()}: {_saved(found)} of the search's gradients saved, the later winner "
        f"stopped in {_lost(found)} of {count(len(found), 'search', 'searches')}."
    )


def _saved(found: Sequence[Replay]) -> str:
    e = mean_interval([r.saved for r in found])
    if e.low is None or e.high is None:
        return percent(e.mean, signed=False)
    ends = (percent(end, signed=False) for end in (max(e.low, 0.0), min(e.high, 1.0)))
    return "{} [{}, {}]".format(percent(e.mean, signed=False), *ends)


def _lost(found: Sequence[Replay]) -> str:
    s = share(sum(r.lost for r in found), len(found))
    ends = (percent(end, signed=False) for end in (s.low, s.high))
    return "{} [{}, {}]".format(percent(s.k / s.n, signed=False), *ends)


def _regret(found: Sequence[Replay]) -> str:
    """Return the largest relative regret; absolute where the best score is 0."""
    if any(r.elected is None for r in found):
        return "∞"
    shares = [r.relative for r in found if r.relative is not None]
    return percent(max(shares)) if len(shares) == len(found) else "–"


def _pictures(frames: Frames, found: Sequence[Replay]) -> Iterator[Picture]:
    keys = {key.name: key.color for key in legend(frames.optimizers)}
    for rule in RULES:
        drawn = []
        for name in frames.optimizers:
            if some := _of(found, rule, name):
                s = share(sum(r.lost for r in some), len(some))
                drawn.append(Dot(name, s.k / s.n, s.low, s.high, keys[name]))
        title = f"{rule}, {count(len(_of(found, rule)), 'search', 'searches')}"
        picture = dots(title, drawn, "winner stopped, share of the searches")
        if picture:
            yield picture


def _group(frames: Frames, rule: str, found: Sequence[Replay]) -> Group:
    rows = [_row(o, some) for o in frames.optimizers if (some := _of(found, rule, o))]
    return Group(rule, (*rows, _row("all", _of(found, rule))))


def _row(name: str, found: Sequence[Replay]) -> tuple[Value, ...]:
    n = {r.n for r in found}
    values = (_saved(found), _lost(found), _regret(found))
    return (name, *values, str(len(found)), str(max(n)))
