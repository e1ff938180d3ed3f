"""Registered optimizers at the edge of stability: sharpness against a threshold that may move."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from analysis.card import Card, Figure, Group, Picture, Table
from analysis.edge.figure import draw, finish, reading
from analysis.edge.report import Runs
from analysis.edge.runs import Series, TrackedRun
from analysis.figures.style import INK, canvas, picture
from analysis.report import page
from analysis.text import WIDE, count, fitted, number, percent
from flowadam.durable import write_atomic

NEAR = 0.9
"""S / S* from which on a run counts as at the edge."""
OWN = (
    ("triggers", "flow steps so far"),
    ("effective_rate", "rate of the step"),
    ("mixing_weight", "mixing weight"),
)
HEAD = ("optimizer", "n", "S / S*", "at the full rate", "at the edge", "flow steps there", "below")
NOTE = "S / S* at the rate of the step (dashed: the threshold), loss, and what the optimizer does."
CAVEAT = (
    "S is the largest eigenvalue of P^-1/2 H P^-1/2, P the optimizer's own diagonal, and S* = (2 + "
    "2 beta1) / ((1 - beta1) rate), with VRAdam's braked rate where it brakes; the next column has "
    "the unbraked one. Both are medians over seeds and the second half of the steps. At the edge: "
    "share of all marks with S >= 0.9 S*. Flow steps: share of the steps that end at such a mark, "
    "and of the others. Defaults at Adam's usual rate, no penalty, full batch."
)


def edge_of(run: TrackedRun, *, braked: bool = True) -> Series:
    """Return S / S* along a run.

    Args:
        braked: at the rate of the step, else at the optimizer's own.
    """
    sharp, rates = run.series("preconditioned_sharpness"), run.series("effective_rate")
    scale = (1 - run.beta1) / (2 + 2 * run.beta1)
    by_step = dict(zip(rates.steps, rates.values, strict=True))
    pairs = zip(sharp.steps, sharp.values, strict=True)
    values = (v * scale * (by_step.get(t, math.nan) if braked else run.lr) for t, v in pairs)
    return Series(sharp.steps, tuple(values))


def flow_shares(runs: Sequence[TrackedRun]) -> tuple[float, float]:
    """Return the share of flow steps among those before marks at the edge, and before others."""
    spans = [span for run in runs for span in _spans(run)]
    return _share([s for s in spans if s[0] >= NEAR]), _share([s for s in spans if s[0] < NEAR])


def _spans(run: TrackedRun) -> Iterator[tuple[float, float, int]]:
    """Yield S / S* at a mark, and flow steps and steps since the mark before."""
    counts = dict(zip(run.series("triggers").steps, run.series("triggers").values, strict=True))
    edge = edge_of(run)
    marks = list(zip(edge.steps, edge.values, strict=True))
    for (before, _), (step, ratio) in pairwise(marks):
        fired = counts.get(step, math.nan) - counts.get(before, math.nan)
        if math.isfinite(fired) and math.isfinite(ratio):
            yield ratio, fired, step - before


def _share(spans: Sequence[tuple[float, float, int]]) -> float:
    steps = sum(span[2] for span in spans)
    return sum(span[1] for span in spans) / steps if steps else math.nan


def trace_card(problem: str, runs: Sequence[TrackedRun]) -> Card:
    """Return the card of one problem.

    Args:
        runs: of one task, at least one.
    """
    names = list(dict.fromkeys(run.optimizer for run in runs))
    by_name = {name: [run for run in runs if run.optimizer == name] for name in names}
    rows = tuple(_row(mine) for mine in by_name.values())
    return Card(
        title=f"Which optimizers come to the edge of stability on {problem}?",
        verdict=tuple(_sentence(mine) for mine in by_name.values()),
        figure=Figure(tuple(_picture(mine) for mine in by_name.values()), NOTE),
        table=Table(HEAD, (Group("", rows),)),
        caveat=CAVEAT,
    )


def trace_text(runs: Runs, width: int = WIDE) -> str:
    """Return the tables of all problems as plain text, at most `width` wide."""
    lines: list[str] = []
    for problem, mine in runs.items():
        names = dict.fromkeys(run.optimizer for run in mine)
        rows = [_row([run for run in mine if run.optimizer == name]) for name in names]
        lines += ["", problem, *fitted([HEAD, *rows], width)] if mine else ()
        for name in names:
            own = [run for run in mine if run.optimizer == name]
            if math.isnan(_late(own, braked=True)):
                lines += textwrap.wrap(_sentence(own), min(width, 100), subsequent_indent="  ")
    return "\n".join(lines).strip("\n")


def write_trace(path: Path, runs: Runs) -> None:
    """Write the page, whole or not at all."""
    cards = [trace_card(problem, mine) for problem, mine in runs.items() if mine]
    line = count(sum(map(len, runs.values())), "run")
    write_atomic(path, page("Optimizers at the edge of stability", line, cards))


def _late(runs: Sequence[TrackedRun], *, braked: bool) -> float:
    """Return the median of S / S* over the second half of all runs."""
    series = [edge_of(run, braked=braked) for run in runs]
    late = [v for one in series for v in one.values[len(one.values) // 2 :] if math.isfinite(v)]
    return median(late) if late else math.nan


def _row(runs: Sequence[TrackedRun]) -> tuple[str, ...]:
    there, below = flow_shares(runs)
    values = [v for run in runs for v in edge_of(run).values if math.isfinite(v)]
    at_edge = sum(v >= NEAR for v in values) / len(values) if values else math.nan
    ends = number(_late(runs, braked=True)), number(_late(runs, braked=False))
    shares = (percent(share, signed=False) for share in (at_edge, there, below))
    return (runs[0].optimizer, str(len(runs)), *ends, *shares)


def _sentence(runs: Sequence[TrackedRun]) -> str:
    late, there = _late(runs, braked=True), flow_shares(runs)
    if math.isnan(late):
        return f"{runs[0].optimizer}: S / S* is not known, {_why(runs)}."
    told = f"{runs[0].optimizer}: S / S* is {number(late)} in the second half"
    if math.isnan(there[0]) and math.isnan(there[1]):
        return f"{told}."
    first, second = (percent(share, signed=False) for share in there)
    if math.isnan(there[0]):
        return f"{told}, never at the edge; flow steps are {second} of all steps."
    return f"{told}; flow steps are {first} of the steps at the edge and {second} below it."


def _why(runs: Sequence[TrackedRun]) -> str:
    """Say what S / S* lacks."""
    if any(run.status != "ok" for run in runs):
        return "as runs did not end well"
    sharp = [v for run in runs for v in run.series("preconditioned_sharpness").values]
    if not any(map(math.isfinite, sharp)):
        return "as no diagonal preconditioner of its update can be read"
    return "as the threshold is for optimizers with a rate and a beta1 of Adam's kind"


def _picture(runs: Sequence[TrackedRun]) -> Picture:
    own = [(key, name) for key, name in OWN if any(_moves(run.series(key)) for run in runs)]
    with canvas(350, 280 + 130 * len(own)) as figure:
        axes = figure.subplots(2 + len(own), 1, sharex=True)
        draw(axes[0], runs, edge_of, 0)
        axes[0].axhline(1, color=INK, linewidth=1, linestyle="--")
        finish(axes[0], "S / S*", log=False)
        draw(axes[1], runs, lambda run: run.loss, 0)
        finish(axes[1], "loss", log=True)
        for ax, (key, name) in zip(axes[2:], own, strict=True):
            draw(ax, runs, reading(key), 2)
            finish(ax, name, log=False)
        axes[-1].set_xlabel("gradients")
        return picture(figure, f"{runs[0].optimizer} on {runs[0].task}")


def _moves(series: Series) -> bool:
    """Say whether a reading is there and not one number all along."""
    return len({value for value in series.values if math.isfinite(value)}) > 1
