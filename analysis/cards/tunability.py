"""Card: who needs little tuning."""

from __future__ import annotations

from analysis.card import Card, Group, Table, Value
from analysis.frames import Frames
from analysis.text import count, estimate
from analysis.tunability import WEIGHTINGS, Relative, Tunability, relative_performance, tunability

HEAD = ("optimizer", *WEIGHTINGS, "N")
CAVEAT = (
    "Tunability of Sivaprasad et al. (2020): the expected score of the best of n configurations, "
    "averaged over the efforts n = 1..N with weights: one-shot, n = 1 alone; early, N − n + 1; "
    "uniform; late, n; peak, n = N alone. Expected scores are U-statistics of the same N "
    "configurations; a configuration that failed or ended above the best trivial predictor counts "
    "as that predictor. Intervals of 95 %: jackknife over the configurations with Student's "
    "quantile at N / (mean n under the weights) degrees of freedom, cut to the possible values; "
    "their coverage in simulations at N = 32 is 93 to 99 % for most shapes of the scores and "
    "down to 86 % where few configurations decide. Across tasks: the lowest such "
    "value of any optimizer over the optimizer's own, averaged over tasks, 1 is the best possible; "
    "its interval takes the tasks as a sample of tasks. Of many optimizers the first is flattered "
    "by chance. Scores are of the validation part."
)


def tunability_card(frames: Frames) -> Card:
    """Return the card with the weighted expected scores, across tasks and task by task."""
    relative, reasons = relative_performance(frames)
    found = {a: [tunability(frames, c) for c in frames.cells(a)] for a in frames.arenas}
    groups = [Group(frames.label(a), _rows(t)) for a, t in found.items()]
    groups = [group for group in groups if group.rows]
    if relative:
        groups.insert(0, Group(_across(relative), tuple(_relative(r) for r in relative)))
    lines = [f"{reason}." for reason in reasons]
    lines += [
        f"{frames.label(a)}: no value for {t.cell.optimizer}, {t.refused}."
        for a, cells in found.items()
        for t in cells
        if t.refused and groups and not any(frames.label(a) in line for line in lines)
    ]
    return Card(
        title="Who needs little tuning?",
        verdict=(_headline(relative, groups, frames), *lines),
        figure=None,
        table=Table(HEAD, tuple(groups), "All numbers") if groups else None,
        caveat=CAVEAT,
    )


def _across(relative: list[Relative]) -> str:
    return f"Across tasks, share of the best (n = {count(_tasks(relative), 'task')})"


def _tasks(relative: list[Relative]) -> int:
    return relative[0].at["uniform"].n


def _headline(relative: list[Relative], groups: list[Group], frames: Frames) -> str:
    if not frames.arenas:
        return "No search is in the store yet."
    if not groups:
        return "No tunability can be given."
    if not relative:
        return "Tunability stands task by task only; no task lets all optimizers be compared."
    best, tasks = relative[0], count(_tasks(relative), "task")
    uniform, one = (estimate(best.at[w], one="task") for w in ("uniform", "one-shot"))
    return (
        f"Over all efforts up to N = {frames.common}, {best.optimizer} comes closest to the best: "
        f"{uniform} of 1 over {tasks}, with one configuration {one}."
    )


def _relative(r: Relative) -> tuple[Value, ...]:
    return (r.optimizer, *(estimate(r.at[w], one="task") for w in WEIGHTINGS), "")


def _rows(found: list[Tunability]) -> tuple[tuple[Value, ...], ...]:
    return tuple(
        (t.cell.optimizer, *(estimate(t.values[w]) for w in WEIGHTINGS), str(t.n))
        for t in found
        if not t.refused
    )
