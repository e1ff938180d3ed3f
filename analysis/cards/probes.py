"""Card: what the probes read."""

from __future__ import annotations

import numpy as np

from analysis.card import Card, Figure, Group, Table
from analysis.figures.probes import probe_picture
from analysis.figures.style import legend
from analysis.frames import Frames
from analysis.probes import ProbeCurve, probe_curves, probe_names
from analysis.text import count, estimate

SHARES = (0.0, 0.5, 1.0)
HEAD = ("optimizer", "n", "at the start", "half-way", "at the end", "failed readings")
NOTE = "Line: mean over the confirm seeds. Band: 95 % interval. See `flowadam probes`."
CAVEAT = (
    "Mean over the confirm seeds, each seed averaged over the sub-studies' winners first, with "
    "Student's 95 % interval of the mean, point by point and without any correction for their "
    "number. n: seeds with a value of every winner, the fewest to the most along the curve. Runs "
    "that did not end well are left out; a mark that a run skipped, or whose reading failed, keeps "
    "the value before it. Probes read the training loss, its penalty included, on the batch of the "
    "step just made; they cost no part of the budget."
)


def probes_card(frames: Frames) -> Card:
    """Return the card with every probe's curve, one figure for each probe and task."""
    keys = {key.name: key for key in legend(frames.optimizers)}
    names, pictures, groups = probe_names(frames), [], []
    for arena in frames.arenas:
        for name in names:
            curves = probe_curves(frames, arena, name)
            if curves:
                title = f"{name} on {frames.label(arena)}"
                pictures.append(probe_picture(title, name, curves, keys))
                groups.append(Group(title, tuple(_row(curve) for curve in curves)))
    return Card(
        title="What did the probes read?",
        verdict=(_headline(frames, names),),
        figure=Figure(tuple(pictures), NOTE, tuple(keys.values())) if pictures else None,
        table=Table(HEAD, tuple(groups)) if groups else None,
        caveat=CAVEAT,
    )


def _headline(frames: Frames, names: list[str]) -> str:
    messages = frames.probes["message"].tolist()
    failed = sum(message != "" for message in messages)
    runs = count(len(set(frames.probes["key"].tolist())), "run")
    return (
        f"{count(len(names), 'probe')} in {runs}: {', '.join(names)}. "
        f"{failed or 'None'} of {len(messages):,} readings failed."
    )


def _row(curve: ProbeCurve) -> tuple[str, ...]:
    seeds = [point.n for point in curve.points]
    n = f"{max(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    shown = (estimate(curve.points[_at(curve, share)]) for share in SHARES)
    seeds_of = f"{n} ({count(curve.winners, 'winner')})"
    return (curve.optimizer, seeds_of, *shown, f"{curve.failed} of {curve.readings}")


def _at(curve: ProbeCurve, share: float) -> int:
    """Return the last point at or before a share of the curve's span, at least the first."""
    target = share * curve.grad_evals[-1] * (1 + 1e-9)
    return max(int(np.searchsorted(curve.grad_evals, target, side="right")) - 1, 0)
