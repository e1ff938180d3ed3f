"""Card: do rod flows track the optimizers through the edge of stability?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.card import Card, Figure, Group, Table
from analysis.edge.figure import KEYS, tracking_picture
from analysis.edge.ratios import Ratio, medians, ratios
from analysis.edge.runs import FLOWS, TrackedRun
from analysis.intervals import Estimate
from analysis.text import count, number

HEAD = (
    *("optimizer", "rate", "at the edge", "onset", "alternating / stable", "matrix / stable"),
    *("gradients a step", "not better"),
)
WORDS = {"rod": "alternating", "matrix": "matrix"}
NOTE = (
    "Medians over the seeds, every seed as a thin line. Error: distance of a flow's center to "
    "(w_t + w_(t+1)) / 2. Oscillation: |2 w_t - w_(t-1) - w_(t+1)| / 4, and half the length of the "
    "rods, that of the matrix rod with its drift. Dotted: the median onset. Dashed: the threshold."
)
CAVEAT = (
    "The ratio is the mean error of a rod flow from the onset (the first reading of S >= S*) to "
    "the end, over that of the stable flow: geometric mean over the seeds with Student's 95 % "
    "interval of the logarithms; n of them. A run whose S never came to S* has none. A rod flow "
    "that ended early has none and counts as not better; a stable flow that ended early keeps its "
    "mean so far. All start from the same three iterates, after a small move along the top "
    "eigenvector, where S is first found at 0.93 S* or more. The usual rate is the smallest on a "
    "grid of factors 2^(1/2) at which S comes to S* within 600 steps from every start, without "
    "momentum within 40 from 0.93 S*. The matrix rod is the published closure at rank 2; the "
    "alternating rod is a variant. Gradients a step: alternating, matrix, stable."
)


def edge_card(problem: str, runs: Sequence[TrackedRun]) -> Card:
    """Return the card of one problem.

    Args:
        runs: of one task, at least one.
    """
    found = ratios(runs)
    names = list(dict.fromkeys(run.optimizer for run in runs))
    by_name = {name: [run for run in runs if run.optimizer == name] for name in names}
    rows = tuple(row(by_name[name], [r for r in found if r.optimizer == name]) for name in names)
    pictures = tuple(tracking_picture(by_name[name]) for name in names)
    return Card(
        title=f"Do rod flows track optimizers through the edge of stability on {problem}?",
        verdict=tuple(sentences(found)),
        figure=Figure(pictures, NOTE, KEYS),
        table=Table(HEAD, (Group("", rows),)),
        caveat=CAVEAT,
    )


def sentences(found: Sequence[Ratio]) -> list[str]:
    """Return the verdict: for how many optimizers each rod flow is better, and where it is not."""
    told = []
    for flow in ("rod", "matrix"):
        mine = [r for r in found if r.flow == flow and r.reached]
        if not mine:
            continue
        better = [r for r in mine if r.better]
        told.append(
            f"{FLOWS[flow].capitalize()}: shown closer than the stable flow for {len(better)} of "
            f"{count(len(mine), 'optimizer')} that came to the edge."
        )
        told += [
            f"{FLOWS[flow].capitalize()}, {r.optimizer}: {why(r)}." for r in mine if not r.better
        ]
    for r in (r for r in found if r.flow == "rod" and r.diverged):
        told.append(f"{r.optimizer} itself diverged from {r.diverged} of {count(r.runs, 'start')}.")
    away = [r.optimizer for r in found if r.flow == "rod" and not r.reached]
    return [*told, f"Never at the edge: {', '.join(away)}."] if away else told


def why(r: Ratio) -> str:
    """Say why a rod flow does not count as better."""
    ended = "; ".join(f"seed {seed}: {how}" for seed, how in r.endings)
    if ended:
        return ended.rstrip(".")
    if r.value is None or r.value.high is None:
        return "fewer than two seeds"
    return f"the interval {interval_text(r.value)} reaches 1"


def row(runs: Sequence[TrackedRun], found: Sequence[Ratio]) -> tuple[str, ...]:
    """Return the cells of one optimizer under ``HEAD``."""
    matrix, rod = found
    spent = [medians(runs, f"{flow}_gradients") for flow in ("rod", "matrix", "stable")]
    onsets = sorted(run.onset for run in runs if not math.isnan(run.onset))
    span = f"{onsets[0]:g}-{onsets[-1]:g}" if onsets else "–"
    worse = [f"{WORDS[r.flow]}: {len(r.worse)}" for r in (rod, matrix) if r.worse]
    return (
        rod.optimizer,
        number(rod.lr),
        f"{rod.reached} of {rod.runs}",
        span,
        _ratio_text(rod),
        _ratio_text(matrix),
        ", ".join(number(value) for value in spent),
        "; ".join(worse) or "–",
    )


def _ratio_text(r: Ratio) -> str:
    """Return the ratio; runs without one, as the rod has ended, are counted beside it."""
    return interval_text(r.value) + (f", ended in {len(r.endings)}" if r.endings else "")


def interval_text(e: Estimate | None) -> str:
    """Return ``ratio [low, high] n``, two digits each."""
    if e is None:
        return "–"
    ends = "" if e.low is None else f" [{number(e.low, 2)}, {number(e.high, 2)}]"
    return f"{number(e.mean, 2)}{ends} n={e.n}"
